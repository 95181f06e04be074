//! Whose a folder is. What root is asked to do in a folder of somebody else's it does with no more power than they have: links
//! in its way, and what lies there as a plan, may be those of whoever broke into the program; and what it writes is theirs to read.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, geteuid, getgid, getgroups, getuid, setegid, seteuid, setgroups};

/// The account whose something is.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    user: Uid,
    group: Gid,
}

impl Owner {
    /// Whose this is.
    ///
    /// # Errors
    /// When it is not there, or a link.
    pub fn of(path: &Path) -> io::Result<Owner> {
        let own = fs::symlink_metadata(path)?;
        match own.is_symlink() {
            true => Err(io::Error::other("it is a link")),
            false => Ok(Owner { user: own.uid().into(), group: own.gid().into() }),
        }
    }

    /// Whose a box is: its data's owner, or its configuration's where that names root's own folder for data. Whoever broke into
    /// the program may have written it, and what it names may lead anywhere.
    ///
    /// # Errors
    /// When there is neither.
    pub fn of_box(data: &Path, config: &Path) -> io::Result<Owner> {
        let of = |path: &Path| Owner::of(&path.canonicalize()?);
        match (of(data), of(config)) {
            (Ok(owner), Ok(other)) => Ok(if owner.is_root() { other } else { owner }),
            (Ok(owner), Err(_)) | (Err(_), Ok(owner)) => Ok(owner),
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// Whose an open file is.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn of_file(file: &File) -> io::Result<Owner> {
        let own = file.metadata()?;
        Ok(Owner { user: own.uid().into(), group: own.gid().into() })
    }

    /// Whether it is root's.
    pub fn is_root(self) -> bool {
        self.user.is_root()
    }

    /// Does something as the owner, where root is asked to. Everybody else does it as who they are.
    ///
    /// # Errors
    /// What `act` says, or that the account cannot be taken on or left.
    pub fn does<T, E>(self, act: impl FnOnce() -> Result<T, E>) -> Result<T, E>
    where
        E: From<Errno>,
    {
        self.acts(act)?
    }

    /// The same for what has errors of its own.
    ///
    /// # Errors
    /// When the account cannot be taken on or left.
    pub fn acts<T>(self, act: impl FnOnce() -> T) -> Result<T, Errno> {
        if !geteuid().is_root() || self.is_root() {
            return Ok(act());
        }
        let groups = getgroups()?;
        setgroups(&[self.group])?;
        setegid(self.group)?;
        seteuid(self.user)?;
        let done = act();
        seteuid(getuid())?;
        setegid(getgid())?;
        setgroups(&groups)?;
        Ok(done)
    }
}
