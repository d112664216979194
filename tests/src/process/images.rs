//! Images for pods, without docker: a folder becomes an archive of one layer.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::child::find;
use super::programs;

/// The name under which pods find the image of [`mosquitto_image`].
pub const MOSQUITTO: &str = "eclipse-mosquitto:2.0";

/// The installed Mosquitto with its clients and a shell as an image for user 1883. Unless the pod says
/// otherwise it listens on port 1883 and lets everybody in.
///
/// # Errors
/// When Mosquitto or busybox is not installed, or the archive cannot be written.
pub fn mosquitto_image(folder: &Path) -> Result<PathBuf> {
    let root = folder.join("mosquitto");
    for name in ["mosquitto", "mosquitto_pub", "mosquitto_sub"] {
        let program = find(name).with_context(|| format!("{name} is not installed"))?;
        copy_with_libraries(&program, &root)?;
    }
    std::fs::create_dir_all(root.join("etc"))?;
    std::fs::write(root.join("etc/passwd"), "mosquitto:x:1883:1883::/:/bin/sh\n")?;
    std::fs::write(
        root.join("etc/mosquitto.conf"),
        "listener 1883\nallow_anonymous true\nlog_dest stderr\n",
    )?;
    std::fs::create_dir_all(root.join("bin"))?;
    std::fs::copy(
        find("busybox").context("busybox is not installed")?,
        root.join("bin/sh"),
    )?;
    let archive = folder.join("mosquitto.tar");
    let command = ["/usr/sbin/mosquitto", "-c", "/etc/mosquitto.conf"];
    image(
        &format!("docker.io/library/{MOSQUITTO}"),
        "1883",
        &root,
        &archive,
        &command,
    )?;
    Ok(archive)
}

/// One of our own programs and the libraries that it needs, nothing else, as an image for user 65532. It runs as
/// `/NAME`, with the arguments that the pod gives. `name` is the full reference.
///
/// # Errors
/// When the program cannot be copied.
pub fn program_image(name: &str, program: &Path, folder: &Path) -> Result<PathBuf> {
    let file = program.file_name().context("the path of a program has a name")?;
    let root = folder.join(file);
    copy_libraries(program, &root)?;
    std::fs::copy(program, root.join(file))
        .with_context(|| format!("{} cannot be copied", program.display()))?;
    let archive = root.with_extension("tar");
    let entrypoint = Path::new("/").join(file);
    archive_of(
        &root,
        &archive,
        |image| {
            image.args(["-u", "65532:65532", "-E"]).arg(entrypoint).arg(name);
        },
        &[],
    )?;
    Ok(archive)
}

/// Makes an image archive of one layer from a folder: `name` is the full reference, `user` who runs
/// `command` unless the pod says otherwise.
///
/// # Errors
/// When Python is missing or a file cannot be read.
pub fn image(name: &str, user: &str, folder: &Path, archive: &Path, command: &[&str]) -> Result<()> {
    let options = |image: &mut Command| {
        image.args(["-u", user, name]);
    };
    archive_of(folder, archive, options, command)
}

fn archive_of(
    folder: &Path,
    archive: &Path,
    options: impl FnOnce(&mut Command),
    command: &[&str],
) -> Result<()> {
    let mut image = Command::new(programs::scripts().join("image"));
    options(&mut image);
    let done = image
        .arg(folder)
        .arg(archive)
        .args(command)
        .output()
        .context("the script `image` does not start")?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Copies a program with all its shared libraries to a folder that becomes an image.
///
/// # Errors
/// When a file cannot be copied.
pub fn copy_with_libraries(program: &Path, root: &Path) -> Result<()> {
    copy_libraries(program, root)?;
    copy_into(program, root)
}

fn copy_libraries(program: &Path, root: &Path) -> Result<()> {
    let listed = Command::new("ldd")
        .arg(program)
        .output()
        .context("ldd does not start")?;
    let text = String::from_utf8_lossy(&listed.stdout);
    std::fs::create_dir_all(root)?;
    // "libc.so.6 => /lib/libc.so.6 (0x...)", or only the path for the loader; static programs have none.
    text.split_whitespace()
        .filter(|word| word.starts_with('/'))
        .try_for_each(|library| copy_into(Path::new(library), root))
}

/// Copies a file to the same path below `root`.
fn copy_into(file: &Path, root: &Path) -> Result<()> {
    let copy = root.join(file.strip_prefix("/").unwrap_or(file));
    if let Some(parent) = copy.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::copy(file, &copy).with_context(|| format!("{} cannot be copied", file.display()))?;
    Ok(())
}
