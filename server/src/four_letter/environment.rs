//! `envi`, and what else the operating system knows about this process.

use std::fmt::Write as _;
use std::path::Path;

use super::VERSION;

/// Facts about process and machine. The lines that tell of Java's own parts are left out.
pub(super) fn environment() -> String {
    let system = rustix::system::uname();
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        other => other,
    };
    let variable = |name| std::env::var(name).unwrap_or_default();
    let directory = std::env::current_dir().unwrap_or_default();
    let mut text = format!(
        "Environment:\nzookeeper.version={VERSION}, built on pinfold\nhost.name={}\nos.name={}\n\
         os.arch={architecture}\nos.version={}\nuser.name={}\nuser.home={}\nuser.dir={}\n",
        system.nodename().to_string_lossy(),
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
        variable("USER"),
        variable("HOME"),
        directory.display(),
    );
    let memory = [
        ("free", kilobytes("/proc/meminfo", "MemAvailable:")),
        ("max", kilobytes("/proc/meminfo", "MemTotal:")),
        ("total", kilobytes("/proc/self/status", "VmRSS:")),
    ];
    for (name, kilobytes) in memory {
        if let Some(kilobytes) = kilobytes {
            let _ = writeln!(text, "os.memory.{name}={}MB", kilobytes / 1024);
        }
    }
    text
}

fn kilobytes(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Open file descriptors of this process; `None` where the system does not tell.
pub(super) fn open_files() -> Option<u64> {
    // One of them is the listing's own.
    let count = std::fs::read_dir("/dev/fd").ok()?.count() as u64;
    Some(count.saturating_sub(1))
}

/// How many file descriptors this process may have; `None` for any number.
pub(super) fn most_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Bytes of all files in a directory and below.
pub(super) fn size_of(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of(&entry.path()),
        Ok(found) => found.len(),
        // Old snapshots go while we look.
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
