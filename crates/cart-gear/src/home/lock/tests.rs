use super::*;

use crate::layout::error::GearError;

const LONG: Duration = Duration::from_secs(30);

fn place() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap().join("lock");
    (dir, path)
}

fn acquire(path: &Utf8Path, what: &str, limit: Duration) -> Result<GearLock, GearError> {
    GearLock::acquire(path, what, limit, &Interrupts::default(), &mut |_| ())
}

#[test]
fn the_second_learns_at_once_whom_it_waits_for_and_gets_it_in_the_end() {
    let (_keep, path) = place();
    let first = acquire(&path, "gear restart", Duration::ZERO).unwrap();
    let error = acquire(&path, "gear stop", Duration::ZERO).unwrap_err().to_string();
    assert!(error.starts_with("`gear restart` (pid "), "{error}");

    let (told, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let path = &path;
        let second = scope.spawn(move || {
            let mut waiting = |holder: &str| told.send(holder.to_owned()).unwrap();
            let second =
                GearLock::acquire(path, "gear stop", LONG, &Interrupts::default(), &mut waiting);
            second.map(|_| ())
        });
        assert!(heard.recv_timeout(LONG).unwrap().starts_with("`gear restart` (pid "));
        drop(first);
        second.join().unwrap().unwrap();
    });
    assert_eq!(GearLock::holder(&path), None, "who let go does not hold it");
}

#[test]
fn an_interrupt_ends_the_waiting() {
    let (_keep, path) = place();
    let _first = acquire(&path, "gear restart", Duration::ZERO).unwrap();
    let interrupts = Interrupts::default();
    interrupts.raise();
    let error = GearLock::acquire(&path, "gear stop", LONG, &interrupts, &mut |_| ()).unwrap_err();
    assert!(error.is_interrupt(), "{error}");
}

#[test]
fn the_lock_of_a_removed_file_is_not_taken_for_one() {
    let (_keep, path) = place();
    let first = acquire(&path, "gear destroy", Duration::ZERO).unwrap();
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let path = &path;
        let second = scope.spawn(move || {
            let mut waiting = |_: &str| told.send(()).unwrap();
            GearLock::acquire(path, "gear create", LONG, &Interrupts::default(), &mut waiting)
        });
        heard.recv_timeout(LONG).unwrap();
        first.remove().unwrap();
        let second = second.join().unwrap().unwrap();
        assert!(acquire(path, "gear stop", Duration::ZERO).is_err(), "the second has it");
        drop(second);
    });
}
