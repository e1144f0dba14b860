//! The launchers: Python files that this crate carries with it and puts where they can be run.

use camino::Utf8Path;
use cart_core::files::{self, FileError};

/// Names and contents. They import each other, so they stand in one directory.
const FILES: &[(&str, &str)] = &[
    ("cartridge_asgi.py", include_str!("../../python/library/cartridge_asgi.py")),
    ("cartridge_collect.py", include_str!("../../python/library/cartridge_collect.py")),
    ("cartridge_drain.py", include_str!("../../python/library/cartridge_drain.py")),
    ("cartridge_framing.py", include_str!("../../python/library/cartridge_framing.py")),
    ("cartridge_interface.py", include_str!("../../python/library/cartridge_interface.py")),
    ("cartridge_launch.py", include_str!("../../python/library/cartridge_launch.py")),
    ("cartridge_limits.py", include_str!("../../python/library/cartridge_limits.py")),
    ("cartridge_stacks.py", include_str!("../../python/library/cartridge_stacks.py")),
    ("cartridge_transport.py", include_str!("../../python/library/cartridge_transport.py")),
    ("cartridge_turns.py", include_str!("../../python/library/cartridge_turns.py")),
    ("cartridge_uvicorn.py", include_str!("../../python/library/cartridge_uvicorn.py")),
    ("cartridge_websockets.py", include_str!("../../python/library/cartridge_websockets.py")),
    ("cartridge_workers.py", include_str!("../../python/library/cartridge_workers.py")),
    ("cartridge_wsgi.py", include_str!("../../python/library/cartridge_wsgi.py")),
    ("serve_wsgiref.py", include_str!("../../python/servers/serve_wsgiref.py")),
    ("serve_gevent.py", include_str!("../../python/servers/serve_gevent.py")),
    ("serve_uvicorn.py", include_str!("../../python/servers/serve_uvicorn.py")),
    ("serve_waitress.py", include_str!("../../python/servers/serve_waitress.py")),
    ("serve_cheroot.py", include_str!("../../python/servers/serve_cheroot.py")),
    ("serve_uwsgi.py", include_str!("../../python/servers/serve_uwsgi.py")),
    ("serve_tornado.py", include_str!("../../python/servers/serve_tornado.py")),
    ("serve_hypercorn.py", include_str!("../../python/servers/serve_hypercorn.py")),
    ("serve_granian.py", include_str!("../../python/servers/serve_granian.py")),
    ("gunicorn.conf.py", include_str!("../../python/servers/gunicorn.conf.py")),
];

/// Puts the launchers into `dir`, which is made if need be; those that are there already are left
/// alone.
///
/// # Errors
/// [`FileError`] naming what could not be written.
pub fn write(dir: &Utf8Path) -> Result<(), FileError> {
    files::create_dir(dir, 0o755)?;
    for (name, content) in FILES {
        files::write_if_changed(&dir.join(name), content.as_bytes(), 0o644)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::interpreter;

    #[test]
    fn launchers_are_written_and_an_old_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap().join("python");
        write(&dir).unwrap();
        files::write_atomic(&dir.join("serve_gevent.py"), b"old", 0o644).unwrap();
        write(&dir).unwrap();
        for (name, content) in FILES {
            assert_eq!(files::read(&dir.join(name)).unwrap(), content.as_bytes(), "{name}");
        }
    }

    /// The tests of the launchers' parts, by any Python that is there.
    #[test]
    fn the_parts_of_the_launchers_do_what_they_say() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        write(dir).unwrap();
        let env = cart_core::GearEnv::new().with("PATH", "/usr/local/bin:/usr/bin:/bin");
        let python = interpreter::find(&interpreter::Wanted::Any, &env).unwrap();
        for (name, tests) in [
            (
                "test_cartridge_interface",
                include_str!("../../python/library/test_cartridge_interface.py"),
            ),
            (
                "test_cartridge_transport",
                include_str!("../../python/library/test_cartridge_transport.py"),
            ),
            ("test_cartridge_turns", include_str!("../../python/library/test_cartridge_turns.py")),
            ("test_serve_wsgiref", include_str!("../../python/servers/test_serve_wsgiref.py")),
        ] {
            files::write_atomic(&dir.join(format!("{name}.py")), tests.as_bytes(), 0o644).unwrap();
            let command = cart_core::CommandSpec::new(&python.executable, &env)
                .args(["-m", "unittest", name])
                .dir(dir);
            cart_core::run::checked(&command, std::time::Duration::from_secs(60)).unwrap();
        }
    }
}
