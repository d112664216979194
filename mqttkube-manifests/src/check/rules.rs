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
    // 0: names and amounts
    BAD_NAME: "MK001", Error, "a name that breaks the rules of its kind",
        "The API server refuses the object.",
        "write a name with the characters and the length that the message gives";
    LONG_NAME: "MK002", Error, "a name that is too long for what is called after it",
        "The object is accepted, and its pods cannot be made.",
        "shorten the name";
    BAD_LABEL: "MK003", Error, "a label or annotation that breaks the rules",
        "The API server refuses the object.",
        "write a key and a value that follow the rules; numbers and booleans need quotes";
    BAD_PORT: "MK004", Error, "a number that is no port",
        "The API server refuses the object.",
        "write a number from 1 to 65535";
    BAD_QUANTITY: "MK005", Error, "an amount that Kubernetes cannot read",
        "The API server refuses the object.",
        "write a number with one of the suffixes m, k, M, G, Ki, Mi, Gi, such as `64Mi` or `100m`";
    REQUEST_ABOVE_LIMIT: "MK006", Error, "a request above the limit",
        "The API server refuses the object.",
        "raise the limit, or lower the request";

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
    PROBE_NOT_LISTENING: "MK207", Error, "a probe of a port at which the broker does not listen",
        "The probe fails for ever and the pod is restarted or never ready.",
        "ask a port that the configuration has a `listener` line for";
    PROBE_WRONG_PROTOCOL: "MK208", Error, "an HTTP probe of a listener that speaks MQTT",
        "The broker ends the connection, so the probe fails for ever.",
        "write a tcpSocket probe, or a listener with `protocol http_api` of Mosquitto 2.1";
    PROBE_REFUSED: "MK209", Error, "a probe without the user that its listener asks for",
        "The broker answers with a refusal, so the probe fails for ever.",
        "write `listener_allow_anonymous true` and `topic read /api/v1/version` for an HTTP probe, or give the client a user";
    PROBE_THROUGH_PROXY: "MK210", Error, "an MQTT probe of a listener that waits for a PROXY header",
        "The broker ends the connection, so the probe fails for ever.",
        "write a tcpSocket probe, or ask another listener";
    PROBE_BREAKS_TLS: "MK211", Warning, "a TCP probe of a listener with TLS",
        "Every probe is an error in the log of the broker.",
        "probe a plain listener or the HTTP interface of 2.1, or accept the lines";
    NO_PROBE: "MK212", Warning, "a broker without a probe",
        "The pod counts as ready before it serves, and as alive when it hangs.",
        "write a startup and a readiness probe; `tcpSocket` with the port's name will do";
    NOT_LISTENING: "MK213", Error, "a Service to a port at which the broker does not listen",
        "Connections are refused.",
        "add a `listener` line for the port, or remove it from the Service";
    LOCAL_ONLY: "MK214", Error, "a Service to a broker that only listens inside its pod",
        "From 2.0 on a broker without a `listener` line binds localhost: connections are refused.",
        "write `listener 1883`";
    PROXY_DISAGREES: "MK215", Error, "a proxy and a listener that disagree about the PROXY header",
        "Every connection ends at once, or every server counts as down.",
        "write `send-proxy check-send-proxy` at the server and `enable_proxy_protocol 1` at the listener, or neither";
    POLICY_PORT: "MK216", Error, "a network policy for a port that its pods do not have",
        "It opens nothing.",
        "name a port of the container";
    POLICY_SHUTS: "MK217", Error, "a network policy that leaves a Service's port closed",
        "Connections time out.",
        "add an ingress rule for the port, or remove it from the Service";
    CLUSTER_OPEN: "MK218", Error, "cluster traffic that anybody may join",
        "The nodes of the cluster speak without encryption and without passwords.",
        "add a NetworkPolicy that lets only the pods of the cluster reach these ports";

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
    START_RACE: "MK305", Error, "a broker that may start before its configuration is written",
        "It exits until the file is there, and may read half of it.",
        "write the file in an init container, or in a native sidecar with a startup probe for it";

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
    CERTIFICATES_INSIDE: "MK405", Warning, "a serving container that orders its own certificates",
        "Whoever takes over the broker owns the account, and with it every name of the domain.",
        "let cert-manager order them: add a Certificate and mount its Secret";
    SECRET_ON_DISK: "MK406", Warning, "a credential that is written to the disk of the node",
        "It stays there in the clear for as long as the pod lives, and in images of the disk after that.",
        "write `emptyDir: {medium: Memory}`";

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
    NEEDS_ROOT: "MK515", Warning, "a command that changes owners",
        "It works only as root, which the restricted level and OpenShift forbid; the pod then never starts.",
        "leave owners to `fsGroup`, or to the user that OpenShift assigns";

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
    NO_TRIGGERS: "MK704", Warning, "a DeploymentConfig without triggers",
        "Nothing is rolled out when its image stream gets a new image.",
        "write the triggers, or convert it into a Deployment";
    DEPRECATED_FIELD: "MK705", Warning, "a field that kustomize has deprecated",
        "kubectl prints a warning at each build, and a later version will not read it.",
        "write its successor, or let `kustomize edit fix` do it";

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

    // 9: brokers
    BRIDGE_LOOP: "MK901", Error, "bridges in which a message goes round for ever",
        "One publish becomes tens of thousands of copies a second until a broker dies.",
        "join brokers as a star or a tree, one `both` rule for each pair, or keep the topics of the directions apart";
    SEVERAL_COPIES: "MK902", Error, "bridges that bring one message to a broker more than once",
        "Subscribers get every message several times.",
        "leave one way between any two brokers";
    BRIDGE_ECHO: "MK903", Warning, "a bridge that takes in again what it sent out",
        "The broker's own messages come back to its subscribers.",
        "keep the topics of the two directions apart, or speak MQTT 5";
    TOPOLOGY_UNDECIDED: "MK904", Warning, "bridges that are too many to be decided",
        "Nobody has shown that no message goes round for ever.",
        "use fewer rules, or a star";
    CONFIG_REFUSED: "MK905", Error, "a configuration that Mosquitto refuses, or that must not be used",
        "The broker does not start, or does what nobody wants.",
        "correct the line as the message says";
    CONFIG_RISK: "MK906", Warning, "a configuration that loses messages or lets the wrong people in",
        "It works until the day it matters.",
        "correct the line as the message says";
    CONFIG_DEPRECATED: "MK907", Warning, "a directive that is going away",
        "A later Mosquitto does not start with it.",
        "write its successor";
    CONFIG_NOT_READ: "MK908", Error, "a configuration where the image does not look for it",
        "The broker runs with the configuration of the image, which lets nobody in from outside.",
        "mount it as /mosquitto/config/mosquitto.conf, or name its place with `-c`";
    NO_FILE: "MK909", Error, "a file that the configuration names and the pod does not have",
        "The broker does not start.",
        "mount the file, or correct its path";
    LINKED_FILE: "MK910", Error, "a file that Mosquitto 2.1 does not open because it is a symbolic link",
        "Files of a mounted Secret or ConfigMap are links, and the broker does not start.",
        "copy them in an init container, set MOSQUITTO_UNSAFE_ALLOW_SYMLINKS (from 2.1.1), or mount them by subPath";
    LOST_WITH_POD: "MK911", Warning, "a database that does not outlive its pod",
        "`persistence true` promises what an emptyDir does not keep.",
        "mount a PersistentVolumeClaim there";
    USERS_REFUSED: "MK912", Error, "a file about users or rights that does not do what it says",
        "Users cannot log in, or may do more than was meant, or the broker does not start.",
        "correct the line as the message says";
    USERS_RISK: "MK913", Warning, "a file about users or rights with a weakness",
        "Passwords are guessed quickly, or rights mean something else.",
        "correct the line as the message says";
    DYNSEC_READ_ONLY: "MK914", Error, "a dynamic-security file that cannot be written",
        "The plugin keeps its users in this file, and every change fails.",
        "copy it to the data volume in an init container, when it is not there yet";
    OPEN_TO_ALL: "MK915", Error, "a broker without passwords that is reached from outside",
        "Everybody reads and writes everything.",
        "write `allow_anonymous false` and a password file, or keep the Service inside of the cluster";
    PLAIN_OUTSIDE: "MK916", Warning, "an unencrypted listener that is reached from outside",
        "Passwords and messages can be read on the way.",
        "expose a listener with TLS, or end TLS in a proxy and close the port with a NetworkPolicy";
    REPLICAS_APART: "MK917", Error, "several replicas of a broker that has no cluster",
        "A message reaches only the clients of the same replica.",
        "use one replica, brokers joined by bridges as a star, or a broker that clusters";
    SCALED_APART: "MK918", Error, "an autoscaler for a broker that has no cluster",
        "Every replica is a broker of its own; clients lose each other.",
        "remove the autoscaler";
}
