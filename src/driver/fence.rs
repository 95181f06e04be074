//! The fence that the program puts up around itself, inside the one that systemd has put up: files by Landlock before the
//! first thread, system calls by seccomp once everything runs. Whoever takes the program over finds little to do.
//!
//! The unit's sandbox says what an ordinary service may do; this says what this one does, with the folders of its own
//! configuration, and it stands where the unit was changed. A kernel that lacks a feature is logged, and calls pass.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus,
};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::config::Settings;

/// The newest Landlock that is asked for; an older kernel does what it can.
const NEWEST: ABI = ABI::V6;
/// What anybody may read: settings of the system, name servers, zones, authorities, libraries, itself.
const READABLE: [&str; 7] = ["/etc", "/usr", "/lib", "/lib64", "/proc", "/sys", "/run"];
/// Programs: itself, and what it is linked with. It reads an older store in a process of its own.
const LIBRARIES: [&str; 3] = ["/usr/lib", "/lib", "/lib64"];
/// Devices, of which the unit lets it have modems alone, and temporary files.
const WRITABLE: [&str; 4] = ["/dev", "/tmp", "/var/tmp", "/run/lock"];

/// What stands of the fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All of it.
    Whole,
    /// What this kernel knows of it.
    Partly,
    /// None: the kernel does not know it.
    None,
}

/// Why a part of it does not stand.
#[derive(Debug)]
pub enum NoFence {
    /// Landlock refused.
    Files(landlock::RulesetError),
    /// The filter of system calls could not be made.
    Filter(seccompiler::BackendError),
    /// The kernel did not take it.
    Calls(seccompiler::Error),
    /// For this processor no filter is known.
    Processor,
}

impl fmt::Display for NoFence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoFence::Files(error) => write!(f, "files (Landlock): {error}"),
            NoFence::Filter(error) => write!(f, "system calls (seccomp): {error}"),
            NoFence::Calls(error) => write!(f, "system calls (seccomp): {error}"),
            NoFence::Processor => f.write_str("system calls: no filter for this processor"),
        }
    }
}

impl std::error::Error for NoFence {}

/// What of the disk a configuration needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Files {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

impl Files {
    /// Those of a configuration at `config`, whose program is `program`.
    pub fn of(settings: &Settings, config: &Path) -> Self {
        let folder = |path: &Path| path.parent().map(Path::to_owned);
        let secrets = settings.secrets().into_iter().filter_map(|wanted| match wanted.from {
            crate::config::secret::SecretRef::File(path) => folder(path),
            crate::config::secret::SecretRef::Credential(_) => None,
        });
        let sip = &settings.sip;
        let identity = [&sip.certificate, &sip.private_key, &sip.authorities];
        let named = identity.into_iter().flatten().filter_map(|path| folder(path));
        let prompts = settings.prompts.dir.clone();
        let read = secrets.chain(named).chain(prompts).collect();
        let beside = folder(config).into_iter().chain(folder(&settings.admin.socket));
        let write = beside.chain([settings.site.data_dir.clone()]).collect();
        Files { read, write }
    }
}

/// Shuts this thread, and every thread that it starts from now on, off from files that the configuration does not need.
///
/// # Errors
/// When the kernel knows Landlock and refuses.
pub fn shut_files(files: &Files) -> Result<Standing, NoFence> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // A device is opened and set, a socket made; nothing but a program is run.
    let write = AccessFs::from_all(NEWEST) & !AccessFs::Execute;
    let program = std::env::current_exe().ok();
    let fence = Ruleset::default().handle_access(AccessFs::from_all(NEWEST));
    let stand = |fence: Ruleset| -> Result<RestrictionStatus, landlock::RulesetError> {
        let mut fence = fence.create()?;
        fence = allow(fence, READABLE.iter().map(Path::new), read)?;
        fence = allow(fence, files.read.iter().map(PathBuf::as_path), read)?;
        fence = allow(fence, LIBRARIES.iter().map(Path::new), read | AccessFs::Execute)?;
        fence = allow(fence, program.iter().map(PathBuf::as_path), read | AccessFs::Execute)?;
        fence = allow(fence, WRITABLE.iter().map(Path::new), write)?;
        fence = allow(fence, files.write.iter().map(PathBuf::as_path), write)?;
        fence.restrict_self()
    };
    let status = fence.and_then(stand).map_err(NoFence::Files)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Standing::Whole,
        RulesetStatus::PartiallyEnforced => Standing::Partly,
        RulesetStatus::NotEnforced => Standing::None,
    })
}

/// What is not there needs no rule; of a file only what a file can have is allowed.
fn allow<'a>(
    mut fence: RulesetCreated,
    paths: impl Iterator<Item = &'a Path>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, landlock::RulesetError> {
    for path in paths {
        let Ok(opened) = PathFd::new(path) else { continue };
        let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
        fence = fence.add_rule(PathBeneath::new(opened, access))?;
    }
    Ok(fence)
}

/// System calls that nothing here ever makes, and that whoever wants out of a sandbox begins with.
const NEVER: [libc::c_long; 56] = [
    // Looking into other processes, or steering them.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // Another view of the system: mounts, roots, namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_mknodat,
    // The kernel itself, and the machine.
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // A ring of requests passes by every filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other accounts, other rights, keys of others.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_personality,
];

/// Families of sockets that it has: everything else is a way into the kernel that nobody watches.
const FAMILIES: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Shuts every thread of the program off from system calls that it never makes: they fail with EPERM.
///
/// # Errors
/// When the kernel does not take the filter, or none is known for this processor.
pub fn shut_calls() -> Result<(), NoFence> {
    let filter = filter()?;
    seccompiler::apply_filter_all_threads(&filter).map_err(NoFence::Calls)
}

fn filter() -> Result<BpfProgram, NoFence> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        NEVER.iter().map(|call| (*call, Vec::new())).collect();
    let other = |family: &libc::c_int| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let others: Result<Vec<_>, _> = FAMILIES.iter().map(other).collect();
    let strange = others.and_then(SeccompRule::new).map_err(NoFence::Filter)?;
    rules.insert(libc::SYS_socket, vec![strange]);
    let processor = std::env::consts::ARCH.try_into().map_err(|_| NoFence::Processor)?;
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, processor);
    filter.and_then(TryInto::try_into).map_err(NoFence::Filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_configuration_are_where_it_says() {
        let mut settings = Settings::default();
        settings.site.data_dir = "/srv/branch".into();
        settings.admin.socket = "/run/branch/admin.sock".into();
        settings.sip.certificate = Some("/srv/tls/chain.pem".into());
        let files = Files::of(&settings, Path::new("/etc/branchline/gateway.toml"));
        let paths = |all: &[&str]| all.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(files.read, paths(&["/srv/tls"]));
        assert_eq!(files.write, paths(&["/etc/branchline", "/run/branch", "/srv/branch"]));
    }

    /// On a thread of its own: what is shut stays shut for the thread.
    #[test]
    fn a_thread_behind_the_fence_has_its_own_folder_and_no_other() {
        let all = std::env::temp_dir().join(format!("branchline-fence-{}", std::process::id()));
        let (own, other) = (all.join("own"), Path::new("/var/lib/dpkg"));
        std::fs::create_dir_all(&own).expect("a folder");
        let files = Files { read: Vec::new(), write: vec![own.clone()] };
        let inside = std::thread::spawn(move || {
            let standing = shut_files(&files).expect("no error");
            std::fs::write(own.join("kept"), "1").expect("its own");
            std::fs::read("/etc/passwd").expect("what anybody reads");
            (standing, std::fs::read_dir(other).is_err(), std::fs::write("/etc/x", "").is_err())
        });
        let (standing, unread, unwritten) = inside.join().expect("no panic");
        assert!(standing == Standing::None || (unread && unwritten), "{standing:?}");
        std::fs::remove_dir_all(&all).expect("the others are free");
    }

    #[test]
    fn a_filter_can_be_made_for_this_processor() {
        assert!(filter().expect("made").len() > NEVER.len());
    }
}
