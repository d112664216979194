//! Images with the programs of this machine, under the names that manifests have for them.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use mqttkube_tests::process::{copy_with_libraries, find, image, program_image};
use mqttkube_tests::program::bin;

const MOSQUITTO: &str = "docker.io/library/eclipse-mosquitto:2.0.22";
const REFRESHER: &str = "localhost/jwt-refresher:0.1.0";
const HAPROXY: &str = "docker.io/library/haproxy:2.6-alpine";
const CEDALO: &str = "registry.cedalo.com/mosquitto/mosquitto:2.8";
const CENTER: &str = "registry.cedalo.com/cedalo/management-center:2.8";

/// Stands in for the brokers of Cedalo: stock Mosquitto, and somebody who listens where their control interface is,
/// because that is where probes look.
const STAND_IN: &str = "#!/bin/sh
nc -ll -p 1885 -e true &
exec /usr/sbin/stock-mosquitto \"$@\"
";

/// The archives of all images. Mosquitto trusts the authority with this certificate.
pub(super) fn all(folder: &Path, authority: &str) -> Vec<PathBuf> {
    vec![
        mosquitto(&folder.join("mosquitto"), authority),
        cedalo(&folder.join("cedalo")),
        haproxy(&folder.join("haproxy")),
        center(&folder.join("center")),
        program_image(REFRESHER, &bin("jwt-refresher"), folder).unwrap(),
    ]
}

/// Mosquitto with what the image of its makers has too: the program for passwords, a shell with its tools, and
/// authorities.
fn mosquitto(root: &Path, authority: &str) -> PathBuf {
    for name in ["mosquitto", "mosquitto_passwd"] {
        copy_with_libraries(&find(name).unwrap(), root).unwrap();
    }
    // The C library loads it when a thread ends, as the one that looks up the names of bridges.
    copy_with_libraries(&library("libgcc_s.so.1"), root).unwrap();
    std::fs::create_dir_all(root.join("etc/ssl/certs")).unwrap();
    std::fs::write(root.join("etc/passwd"), "mosquitto:x:1883:1883::/:/bin/sh\n").unwrap();
    let certificate = root.join("etc/ssl/certs/authority.pem");
    std::fs::write(&certificate, authority).unwrap();
    // OpenSSL finds authorities in a folder by a hash of their names.
    let hash = Command::new("openssl")
        .args(["x509", "-noout", "-hash", "-in"])
        .arg(&certificate)
        .output()
        .unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    symlink(
        "authority.pem",
        root.join(format!("etc/ssl/certs/{}.0", hash.trim())),
    )
    .unwrap();
    shell(root);
    archive(MOSQUITTO, "1883", root, &["/usr/sbin/mosquitto"])
}

fn cedalo(root: &Path) -> PathBuf {
    copy_with_libraries(&find("mosquitto").unwrap(), root).unwrap();
    let program = root.join("usr/sbin/mosquitto");
    std::fs::rename(&program, root.join("usr/sbin/stock-mosquitto")).unwrap();
    std::fs::write(&program, STAND_IN).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let plugin = library("mosquitto_dynamic_security.so");
    copy_with_libraries(&plugin, root).unwrap();
    std::fs::create_dir_all(root.join("usr/lib")).unwrap();
    std::fs::copy(&plugin, root.join("usr/lib/mosquitto_dynamic_security.so")).unwrap();
    shell(root);
    archive(CEDALO, "1883", root, &["/usr/sbin/mosquitto"])
}

/// A library that no program is linked to, wherever the distribution puts it.
fn library(name: &str) -> PathBuf {
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let folders = [
        format!("/lib/{multiarch}"),
        "/usr/lib".to_owned(),
        "/usr/lib64".to_owned(),
    ];
    let mut files = folders.iter().map(|folder| Path::new(folder).join(name));
    let found = files.find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing"))
}

fn haproxy(root: &Path) -> PathBuf {
    copy_with_libraries(&find("haproxy").unwrap(), root).unwrap();
    archive(HAPROXY, "99", root, &["/usr/sbin/haproxy"])
}

/// Stands in for the management centre: an HTTP server that shows the configuration that is mounted.
fn center(root: &Path) -> PathBuf {
    shell(root);
    let command = ["/bin/busybox", "httpd", "-f", "-p", "8088", "-h", "/config"];
    archive(CENTER, "1000", root, &command)
}

fn shell(root: &Path) {
    let bin = root.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::copy(find("busybox").unwrap(), bin.join("busybox")).unwrap();
    for applet in [
        "sh", "cat", "cp", "mv", "rm", "readlink", "sleep", "printf", "mkdir", "chmod", "nc", "true",
    ] {
        symlink("busybox", bin.join(applet)).unwrap();
    }
}

fn archive(name: &str, user: &str, root: &Path, command: &[&str]) -> PathBuf {
    let archive = root.with_extension("tar");
    image(name, user, root, &archive, command).unwrap();
    archive
}
