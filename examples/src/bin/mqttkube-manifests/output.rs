//! Writing a folder whole or not at all.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use mqttkube_manifests::render::File;

/// Lists the files that were written, so that the next run knows which ones are its own.
const LIST: &str = ".mqttkube-manifests";

/// Puts the files into a folder in place of what was written there before. The new folder is written beside the old one
/// and takes its name at the end, so there is never a mixture of both.
///
/// Files that were not written by this program are not touched: the folder is refused, unless `replace` is given.
pub(crate) fn write(folder: &Path, files: &[File], replace: bool) -> anyhow::Result<()> {
    // A link stays a link.
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let name = folder.display();
    let exists = folder.symlink_metadata().is_ok();
    if exists && !folder.is_dir() {
        bail!("{name} is there already and is no folder");
    }
    if exists && !replace {
        refuse_foreign(&folder)?;
    }
    let (new, old) = (beside(&folder, "new")?, beside(&folder, "old")?);
    let written = fill(&new, files).and_then(|()| swap(&folder, &new, exists.then_some(&old)));
    if written.is_err() {
        // It may not be there.
        let _ = fs::remove_dir_all(&new);
    }
    written.with_context(|| format!("{name} cannot be written; it is as it was"))?;
    if exists {
        fs::remove_dir_all(&old).with_context(|| format!("{} cannot be removed", old.display()))?;
    }
    Ok(())
}

/// A name beside the folder that nothing else has.
fn beside(folder: &Path, what: &str) -> anyhow::Result<PathBuf> {
    let name = folder
        .file_name()
        .with_context(|| format!("{} is no name for a folder", folder.display()))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{what}-{}", std::process::id()));
    Ok(folder.with_file_name(hidden))
}

fn fill(folder: &Path, files: &[File]) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    for file in files {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        create(&path, &file.text)?;
    }
    let mut list: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    list.sort_unstable();
    create(&folder.join(LIST), &(list.join("\n") + "\n"))
}

/// Hashes of passwords may be in it, so others on the machine may not read it.
fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}

fn swap(folder: &Path, new: &Path, old: Option<&PathBuf>) -> anyhow::Result<()> {
    let Some(old) = old else {
        return Ok(fs::rename(new, folder)?);
    };
    fs::rename(folder, old)?;
    fs::rename(new, folder).or_else(|error| {
        fs::rename(old, folder).with_context(|| format!("the old folder is at {}", old.display()))?;
        Err(error.into())
    })
}

/// Refuses a folder with files that are not in its list.
fn refuse_foreign(folder: &Path) -> anyhow::Result<()> {
    let list = fs::read_to_string(folder.join(LIST)).unwrap_or_default();
    let own: BTreeSet<&Path> = list.lines().map(Path::new).chain([Path::new(LIST)]).collect();
    let mut present = Vec::new();
    walk(folder, Path::new(""), &mut present)
        .with_context(|| format!("{} cannot be looked through", folder.display()))?;
    let foreign: Vec<String> = present
        .iter()
        .filter(|path| !own.contains(path.as_path()))
        .map(|path| path.display().to_string())
        .collect();
    let Some(first) = foreign.first() else {
        return Ok(());
    };
    let more = match foreign.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    bail!(
        "{} holds files that were not made here: {first}{more}; name another folder, or give --replace to lose them",
        folder.display()
    )
}

fn walk(folder: &Path, below: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(folder, &path, found)?;
        } else {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(())
}
