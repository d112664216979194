//! The rules with their codes. A code never changes its meaning and is never used again.

use super::Severity;
use super::Severity::{Error, Warning};

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// `MK` and three digits; the first one is the family.
    pub code: &'static str,
    /// How bad a finding is.
    pub severity: Severity,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to write instead.
    pub help: &'static str,
}

impl Rule {
    /// The rule with a code, in any case.
    #[must_use]
    pub fn find(code: &str) -> Option<&'static Self> {
        ALL.iter()
            .copied()
            .find(|rule| rule.code.eq_ignore_ascii_case(code))
    }
}

macro_rules! rules {
    ($($name:ident: $code:literal, $severity:ident, $title:literal, $why:literal, $help:literal;)*) => {
        $(
            #[doc = $title]
            pub const $name: Rule =
                Rule { code: $code, severity: $severity, title: $title, why: $why, help: $help };
        )*

        /// All rules, by code.
        pub const ALL: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    // 1: references
    NO_VOLUME: "MK101", Error, "a mount of a volume that the pod does not have",
        "The API server refuses the pod, so the workload never gets one.",
        "declare the volume in the pod, or correct the name of the mount";
    NO_CONFIG_MAP: "MK102", Error, "a ConfigMap that is not in the bundle",
        "The pod waits in ContainerCreating until somebody makes it.",
        "add the ConfigMap to the bundle, correct its name, or mark the reference `optional: true`";
    NO_SECRET: "MK103", Warning, "a Secret that is not in the bundle",
        "The pod waits in ContainerCreating until somebody makes it. Secrets are often made by other means, so this is a reminder.",
        "make sure that the Secret exists before the workload does";
    NO_KEY: "MK104", Error, "a key that the ConfigMap or Secret does not have",
        "The pod waits in ContainerCreating.",
        "add the key to the data, or correct its name";
    NO_CLAIM: "MK105", Error, "a PersistentVolumeClaim that is not in the bundle",
        "The pod stays Pending.",
        "add the claim, or let a StatefulSet make one by volumeClaimTemplates";
    NO_ACCOUNT: "MK106", Error, "a ServiceAccount that is not in the bundle",
        "The API server refuses the pod.",
        "add the ServiceAccount, or leave serviceAccountName out";
    SERVICE_SELECTS_NOTHING: "MK107", Error, "a Service whose selector fits no pod of the bundle",
        "The Service has no endpoints: connections are refused.",
        "make the selector equal to labels of the pod template";
    SELECTOR_MISMATCH: "MK108", Error, "a workload whose selector does not fit its own template",
        "The API server refuses the workload.",
        "give the template the labels that the selector asks for";
    NO_SELECTOR: "MK109", Error, "a workload without a selector",
        "apps/v1 requires one; the API server refuses the workload.",
        "write spec.selector.matchLabels with labels of the template";
    NO_BACKEND: "MK110", Error, "a route or ingress to a Service that is not in the bundle",
        "Traffic ends in an error page.",
        "correct the name, or add the Service";
    NO_SERVICE_NAME: "MK111", Error, "a StatefulSet whose serviceName is no headless Service of the bundle",
        "Its pods get no names of their own in DNS, so they do not find each other.",
        "add a Service with `clusterIP: None` of that name";
    NO_TARGET: "MK112", Error, "an autoscaler or disruption budget for a workload that is not in the bundle",
        "It does nothing.",
        "correct the name or the selector";

    // 2: ports
    NO_TARGET_PORT: "MK201", Error, "a Service port whose targetPort no selected container has",
        "Connections are refused.",
        "name a port of the container, or add the port to it";
    DUPLICATE_PORT: "MK202", Error, "two ports with one name or number",
        "The API server refuses the object, or one port hides the other.",
        "give each port its own name and number";
    UNNAMED_PORT: "MK203", Error, "a Service with several ports, one of them without a name",
        "The API server refuses it.",
        "name every port";
    NODE_PORT_RANGE: "MK204", Error, "a node port outside 30000 to 32767",
        "The API server refuses it, unless its range was changed.",
        "choose a port in the range, or leave it out";
    NO_PROBE_PORT: "MK205", Error, "a probe of a port name that the container does not have",
        "The probe fails for ever and the pod is restarted or never ready.",
        "name a port of the same container";
    NODE_PORT_TWICE: "MK206", Error, "one node port for two Services",
        "The API server refuses the second Service.",
        "give each Service a node port of its own";

    // 3: mounts
    MOUNT_TWICE: "MK301", Error, "two mounts at one path",
        "The API server refuses the pod.",
        "mount one of them elsewhere";
    SUB_PATH_NEVER_UPDATES: "MK302", Warning, "a ConfigMap or Secret mounted by subPath",
        "The file stays as it was when the pod started: a changed password is never seen.",
        "mount the whole folder, or accept that a change needs a new pod";
    MOUNT_HIDES: "MK303", Warning, "a mount inside the folder of another mount",
        "Which of them is seen depends on the order; files may seem to vanish.",
        "mount them side by side, or use one projected volume";
    UNUSED_VOLUME: "MK304", Warning, "a volume that no container mounts",
        "It is made, and waited for, for nothing; often the mount was forgotten.",
        "mount it or remove it";

    // 4: secrets in the wrong place
    KEY_IN_CONFIG_MAP: "MK401", Error, "a private key in a ConfigMap",
        "Everybody who may read ConfigMaps can impersonate the device.",
        "put it into a Secret that only the container which signs mounts";
    PASSWORDS_IN_CONFIG_MAP: "MK402", Error, "a password file in a ConfigMap",
        "Hashes can be tried out by everybody who may read ConfigMaps.",
        "put it into a Secret";
    SECRET_IN_ENV: "MK403", Error, "a password or token written into the environment or arguments of a container",
        "It is in the clear for everybody who may read pods, and in the process list.",
        "put it into a Secret, and mount that as a file or refer to it by secretKeyRef";
    TOKEN_IN_CONFIG_MAP: "MK404", Error, "a password or token in a ConfigMap",
        "ConfigMaps are not protected as Secrets are, and are copied into logs and backups.",
        "put it into a Secret";

    // 5: Pod Security
    PRIVILEGED: "MK501", Error, "a privileged container",
        "It owns the node. The baseline level of Pod Security forbids it.",
        "remove `privileged: true`";
    HOST_NAMESPACE: "MK502", Error, "a pod in the network, process or IPC namespace of its node",
        "It sees the node's processes and traffic. The baseline level forbids it.",
        "remove hostNetwork, hostPID and hostIPC";
    HOST_PATH: "MK503", Error, "a volume that is a folder of the node",
        "The baseline level forbids it.",
        "use a PersistentVolumeClaim or an emptyDir";
    HOST_PORT: "MK504", Error, "a port of the node",
        "The baseline level forbids it, and only one such pod fits on a node.",
        "use a Service of type NodePort";
    CAPABILITY: "MK505", Error, "an added capability",
        "The baseline level allows few, the restricted level only NET_BIND_SERVICE.",
        "remove it; sending signals to a process of the same user needs none";
    NOT_DROPPED: "MK506", Warning, "capabilities that are not dropped",
        "The restricted level wants all of them dropped.",
        "write `capabilities: {drop: [ALL]}` for every container";
    ESCALATION: "MK507", Warning, "privilege escalation that is not forbidden",
        "The restricted level wants `allowPrivilegeEscalation: false`.",
        "write `allowPrivilegeEscalation: false` for every container";
    MAY_BE_ROOT: "MK508", Warning, "a container that may run as root",
        "The restricted level wants `runAsNonRoot: true` and no user 0.",
        "write `runAsNonRoot: true` for the pod, and a `runAsUser` other than 0 unless the platform chooses it";
    NO_SECCOMP: "MK509", Warning, "a container without a seccomp profile",
        "The restricted level wants RuntimeDefault or Localhost.",
        "write `seccompProfile: {type: RuntimeDefault}` for the pod";
    VOLUME_KIND: "MK510", Warning, "a kind of volume that the restricted level does not know",
        "The pod is refused in a namespace with the restricted level.",
        "use configMap, csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, projected or secret";
    PROC_MOUNT: "MK511", Error, "an unmasked /proc",
        "The baseline level forbids it.",
        "remove procMount";
    SYSCTL: "MK512", Error, "a kernel setting outside the safe set",
        "The baseline level forbids it, and most nodes refuse the pod.",
        "remove it";
    SELINUX: "MK513", Error, "an SELinux type, user or role of one's own",
        "The baseline level allows three container types and no user or role.",
        "remove seLinuxOptions";
    SHARED_PROCESSES: "MK514", Warning, "containers that share their process namespace",
        "Each of them can read the others' memory and files through /proc.",
        "use the native relay, which signals nobody, or accept it for the refresher beside a stock broker";

    // 6: availability
    BLOCKS_DRAIN: "MK601", Error, "a disruption budget that allows no eviction",
        "Draining a node never ends.",
        "for one replica leave the budget out or write `maxUnavailable: 1`";
    BUDGETS_OVERLAP: "MK602", Error, "two disruption budgets for the same pods",
        "The eviction API answers every eviction with an error.",
        "keep one of them";
    UNHEALTHY_BLOCKS: "MK603", Warning, "a budget under which a broken pod cannot be evicted",
        "A pod that never gets ready blocks the drain.",
        "write `unhealthyPodEvictionPolicy: AlwaysAllow`";
    ROLLING_ON_ONE_VOLUME: "MK604", Error, "a rolling update of a workload on a volume for one node",
        "The new pod waits for the volume, the old one waits for the new pod: neither goes on when they meet on two nodes.",
        "write `strategy: {type: Recreate}`, or use a StatefulSet";
    REPLICAS_ON_ONE_VOLUME: "MK605", Error, "several replicas on one volume for one node or pod",
        "The second pod cannot start on another node, and a broker's database has one writer.",
        "use one replica, or a StatefulSet with volumeClaimTemplates";
    NO_STORAGE_MODE: "MK606", Error, "a claim without an access mode",
        "The API server refuses it.",
        "write `accessModes: [ReadWriteOnce]`";

    // 7: versions
    REMOVED_API: "MK701", Error, "an API version that Kubernetes no longer serves",
        "The API server answers `no matches for kind`.",
        "write the version that took its place";
    FLOATING_IMAGE: "MK702", Warning, "an image that changes under its name",
        "The next start of the pod may bring another version, and with Mosquitto 2.1 one that does not start.",
        "write a version as tag, or a digest";
    DEPRECATED_KIND: "MK703", Warning, "a kind that its platform has deprecated",
        "It will be removed.",
        "convert a DeploymentConfig into a Deployment";

    // 8: rights
    CLUSTER_ADMIN: "MK801", Error, "a binding to cluster-admin",
        "Whoever takes over the program owns the cluster; here an MQTT message is enough to try.",
        "write a Role with exactly the verbs, resources and names that are needed";
    WILDCARD_RIGHTS: "MK802", Error, "a rule with `*`",
        "It grants what nobody has thought of.",
        "list the verbs, groups and resources";
    DANGEROUS_VERB: "MK803", Error, "a rule that lets its holder give itself more rights",
        "escalate, bind and impersonate are as good as cluster-admin.",
        "remove the verb";
    READS_ALL_SECRETS: "MK804", Warning, "a rule that reads every Secret of a namespace",
        "All keys and tokens there belong to its holder.",
        "add resourceNames";
    NO_ROLE: "MK805", Error, "a binding to a Role that is not in the bundle",
        "The account gets no rights.",
        "add the Role, or correct its name";
}
