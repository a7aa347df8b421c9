//! The real disk: one folder of the file system.
//!
//! Promises what `ports::Disk` asks, on Linux file systems that keep the rules of POSIX (ext4 and xfs are what we run on).
//! Leaves to the caller when to sync.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "os/ is where the engine meets the file system"
)]

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ports::{Disk, DiskFile};

/// The file whose lock says who owns the folder. It stays when the lock is given back.
const LOCK_FILE: &str = "folder.lock";

/// Who may read what is made here: whoever runs the server, and nobody else on the machine. The folder holds the key that passes and
/// codes are made from, and names of customers where a sale keeps them.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// A data folder of the file system.
#[derive(Clone, Debug)]
pub struct FolderDisk {
    folder: Arc<Path>,
    /// The folder itself, open: its names are synced without another handle, which a server with too many sockets may not get.
    handle: Arc<File>,
}

impl FolderDisk {
    /// The folder at `path`, made (with its parents) if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<FolderDisk> {
        let path: PathBuf = path.into();
        let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&path)?;
        // A journal is only as durable as the names on the way to it.
        for folder in missing {
            match folder.parent() {
                Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all()?,
                _ => File::open(".")?.sync_all()?,
            }
        }
        let handle = Arc::new(File::open(&path)?);
        Ok(FolderDisk { folder: path.into(), handle })
    }

    fn path(&self, name: &str) -> PathBuf {
        debug_assert!(!name.contains('/'), "a name, not a path: {name}");
        self.folder.join(name)
    }
}

impl Disk for FolderDisk {
    type File = FolderFile;
    type Lock = FolderLock;

    fn open_or_create(&self, name: &str) -> io::Result<FolderFile> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(self.path(name))
            .map(FolderFile)
    }

    fn open(&self, name: &str) -> io::Result<FolderFile> {
        OpenOptions::new().read(true).write(true).open(self.path(name)).map(FolderFile)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Folders and names that are not UTF-8 are not ours.
            if entry.file_type()?.is_file()
                && let Ok(name) = entry.file_name().into_string()
                && name != LOCK_FILE
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn lock(&self) -> io::Result<FolderLock> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(self.path(LOCK_FILE))?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_space(&self) -> io::Result<u64> {
        let system = rustix::fs::statvfs(&*self.folder)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }
}

/// The lock of a folder: the kernel takes it back when the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// An open file of a [`FolderDisk`].
#[derive(Debug)]
pub struct FolderFile(File);

impl DiskFile for FolderFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            match self.0.read_at(&mut into[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|data| data.len())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}
