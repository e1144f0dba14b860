//! Limits that the kernel's control groups set, of version 2 and version 1.
//!
//! A limit of any group above ours counts too, so each search walks up from our group to the
//! top. In a container the path that `/proc/self/cgroup` tells may not exist below
//! `/sys/fs/cgroup`, where only our own part of the tree is mounted: walking up finds it there.

use camino::{Utf8Path, Utf8PathBuf};

/// What the groups of this process allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// CPUs, a part of one counted as one; `None` when there is no quota.
    pub cpus: Option<u32>,
    /// Bytes; `None` when there is no limit.
    pub memory: Option<u64>,
}

/// Version 1 says "no limit" as the largest number of pages, 2^63 rounded down; anything near
/// that is no limit of this world.
const NO_LIMIT: u64 = 1 << 60;

/// The limits of this process, from the files below `root` (`/` but in tests).
pub(crate) fn limits(root: &Utf8Path) -> Limits {
    let text = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mount = root.join("sys/fs/cgroup");
    let mut found = Limits::default();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let path = Utf8Path::new(path.trim_start_matches('/'));
        // Our group and those above it, in whichever mount they are.
        for group in
            mounts(&mount, controllers).iter().flat_map(|m| path.ancestors().map(|p| m.join(p)))
        {
            found.cpus = least(found.cpus, cpus(&group));
            found.memory = least(found.memory, memory(&group));
        }
    }
    found
}

/// Where these `controllers` may be mounted: names such as `cpu,cpuacct`, or none for version 2, which is
/// mounted at the top, or beside version 1 as one of several.
fn mounts(top: &Utf8Path, controllers: &str) -> Vec<Utf8PathBuf> {
    if controllers.is_empty() {
        return vec![top.to_owned(), top.join("unified")];
    }
    [controllers].into_iter().chain(controllers.split(',')).map(|name| top.join(name)).collect()
}

fn cpus(group: &Utf8Path) -> Option<u32> {
    if let Some(text) = read(group, "cpu.max") {
        let (quota, period) = text.split_once(' ')?;
        return whole_cpus(quota, period);
    }
    whole_cpus(&read(group, "cpu.cfs_quota_us")?, &read(group, "cpu.cfs_period_us")?)
}

fn memory(group: &Utf8Path) -> Option<u64> {
    let bytes = read(group, "memory.max").or_else(|| read(group, "memory.limit_in_bytes"))?;
    bytes.parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

fn whole_cpus(quota: &str, period: &str) -> Option<u32> {
    // `max` and `-1` are no quota, and no numbers above zero either.
    let quota: u64 = quota.trim().parse().ok().filter(|q| *q > 0)?;
    let period: u64 = period.trim().parse().ok().filter(|p| *p > 0)?;
    u32::try_from(quota.div_ceil(period)).ok()
}

fn read(group: &Utf8Path, file: &str) -> Option<String> {
    let text = std::fs::read_to_string(group.join(file)).ok()?;
    Some(text.trim().to_owned())
}

fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with these files.
    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Limits) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        for (path, content) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            cart_core::files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
        }
        let limits = limits(root);
        (dir, limits)
    }

    fn found(cpus: u32, memory: u64) -> Limits {
        Limits { cpus: Some(cpus), memory: Some(memory) }
    }

    #[test]
    fn version_2_with_a_tighter_group_above_ours() {
        let (_keep, limits) = tree(&[
            ("proc/self/cgroup", "0::/user.slice/gear.slice/app\n"),
            ("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
            ("sys/fs/cgroup/user.slice/gear.slice/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/user.slice/gear.slice/memory.max", "536870912\n"),
            ("sys/fs/cgroup/user.slice/gear.slice/app/cpu.max", "400000 100000\n"),
            ("sys/fs/cgroup/user.slice/gear.slice/app/memory.max", "max\n"),
        ]);
        assert_eq!(limits, found(2, 512 << 20));
    }

    #[test]
    fn version_2_in_a_container_that_sees_only_its_own_part() {
        let (_keep, limits) = tree(&[
            ("proc/self/cgroup", "0::/docker/0123abcd\n"),
            ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
            ("sys/fs/cgroup/memory.max", "268435456\n"),
        ]);
        assert_eq!(limits, found(1, 256 << 20));
    }

    #[test]
    fn version_1_as_a_node_of_openshift_has_it() {
        let (_keep, limits) = tree(&[
            (
                "proc/self/cgroup",
                "9:memory:/openshift/5f\n3:cpu,cpuacct:/openshift/5f\n1:name=systemd:/\n",
            ),
            ("sys/fs/cgroup/cpu,cpuacct/openshift/5f/cpu.cfs_quota_us", "200000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/openshift/5f/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/openshift/5f/memory.limit_in_bytes", "536870912\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!(limits, found(2, 512 << 20));
    }

    #[test]
    fn version_1_says_no_limit_by_huge_and_negative_numbers() {
        let (_keep, limits) = tree(&[
            ("proc/self/cgroup", "4:memory:/x\n2:cpu:/x\n0::/\n"),
            ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn version_2_beside_version_1() {
        let (_keep, limits) = tree(&[
            ("proc/self/cgroup", "2:cpu:/\n0::/g\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/unified/g/memory.max", "1048576\n"),
        ]);
        assert_eq!(limits, found(3, 1 << 20));
    }

    #[test]
    fn nothing_that_can_be_read_is_no_limit() {
        assert_eq!(tree(&[]).1, Limits::default());
        let (_keep, limits) = tree(&[("proc/self/cgroup", "nonsense\n0::/\n::\n")]);
        assert_eq!(limits, Limits::default());
    }
}
