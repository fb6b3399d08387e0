//! How much memory there is for the hub.

use std::fs;

/// Where it is not known.
const UNKNOWN: usize = 1 << 30;

/// A quarter of the memory of the machine, or of the container if that has less.
pub(super) fn a_quarter() -> usize {
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let container = container.iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    container.chain(machine).min().unwrap_or(UNKNOWN) / 4
}

/// What `/proc/meminfo` says.
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim_end().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read() {
        let meminfo = "MemTotal:         948280 kB\nMemFree:           51234 kB\n";
        assert_eq!(total(meminfo), Some(948_280 * 1024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
        assert!(a_quarter() > 1 << 20);
    }
}
