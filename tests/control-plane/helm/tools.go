//go:build tools

// Package tools pins the programs that judge what the manifests' renderers write; see the script "build-tools".
package tools

import (
	_ "github.com/yannh/kubeconform/cmd/kubeconform"
	_ "helm.sh/helm/v3/cmd/helm"
)
