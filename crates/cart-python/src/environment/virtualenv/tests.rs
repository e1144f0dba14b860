use std::fs;

use cart_core::files;

use super::*;
use crate::environment::interpreter::Wanted;

fn folder() -> (tempfile::TempDir, VirtualEnv) {
    let dir = tempfile::tempdir().unwrap();
    let venv = VirtualEnv::at(Utf8Path::from_path(dir.path()).unwrap());
    (dir, venv)
}

fn put(venv: &VirtualEnv, path: &str, content: &str) {
    let path = venv.dir().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    files::write_atomic(&path, content.as_bytes(), 0o644).unwrap();
}

fn condition(venv: &VirtualEnv) -> Condition {
    venv.condition(&Wanted::Any.into(), &GearEnv::new())
}

#[test]
fn nothing_and_an_empty_directory_are_no_environment() {
    let (_keep, venv) = folder();
    assert_eq!(condition(&venv), Condition::Missing);
    let nowhere = VirtualEnv::at("/nonexistent/virtenv");
    assert_eq!(condition(&nowhere), Condition::Missing);
}

#[test]
fn a_stamp_that_cannot_be_read_is_none() {
    let (_keep, venv) = folder();
    for text in ["", "{}", "{\"format\": 0}", "not json"] {
        put(&venv, "cartridge.json", text);
        let unusable = Condition::Unusable("it was not finished".to_owned());
        assert_eq!(condition(&venv), unusable, "{text}");
    }
}

#[test]
fn packages_are_found_under_any_spelling_of_their_name() {
    let (_keep, venv) = folder();
    let site = "lib/python3.11/site-packages";
    put(&venv, &format!("{site}/zope.interface-5.5.2.dist-info/METADATA"), "");
    put(&venv, &format!("{site}/Old_Style-1.0-py3.11.egg-info/PKG-INFO"), "");
    assert_eq!(venv.installed("Zope_Interface").unwrap(), "5.5.2");
    assert_eq!(venv.installed("old.style").unwrap(), "1.0");
    assert_eq!(venv.installed("zope"), None);
}

#[test]
fn links_add_import_folders_whatever_installer_made_them() {
    let (_keep, venv) = folder();
    let site = "lib/python3.11/site-packages";
    put(&venv, &format!("{site}/x.pth"), "/repo/src\nimport something\n");
    put(&venv, &format!("{site}/__editable___y_1_finder.py"), "MAPPING = {'y': '/libs/y/y'}\n");
    put(&venv, &format!("{site}/package.py"), "x = '/not/this'\n");
    let mut folders = venv.import_folders();
    folders.sort();
    assert_eq!(folders[0], "/libs/y");
    assert_eq!(folders[1], "/repo/src");
    assert_eq!(folders[2], venv.site_packages().unwrap());
    assert_eq!(folders.len(), 3);
}

#[test]
fn a_program_of_an_environment_sees_it_first_and_no_other_python() {
    let venv = VirtualEnv::at("/g/virtenv");
    let env =
        GearEnv::new().with("PATH", "/bin").with("PYTHONHOME", "/x").with("PYTHONPATH", "/own");
    let env = environment_for(&venv, &env);
    assert_eq!(env.get("PATH").unwrap(), "/g/virtenv/bin:/bin");
    assert_eq!(env.get("VIRTUAL_ENV").unwrap(), "/g/virtenv");
    assert_eq!(env.get("PYTHONUNBUFFERED").unwrap(), "1");
    assert_eq!(env.get("PYTHONPATH").unwrap(), "/own");
    assert_eq!(env.get("PYTHONHOME"), None);
    let bare = environment_for(&venv, &GearEnv::new());
    assert_eq!(bare.get("PATH").unwrap(), "/g/virtenv/bin:/usr/local/bin:/usr/bin:/bin");
}

#[test]
fn what_is_looked_for_outside_is_not_found_inside() {
    let (_keep, venv) = folder();
    put(&venv, "bin/python3", "");
    let really = venv.dir().canonicalize_utf8().unwrap();
    let link = venv.dir().with_extension("link");
    std::os::unix::fs::symlink(&really, &link).unwrap();
    let path = format!("{link}/bin/:/usr/bin:{really}/bin:{link}/binx:/bin");
    let env = GearEnv::new().with("PATH", path).with("A", "1");
    let expected = format!("/usr/bin:{link}/binx:/bin");
    assert_eq!(outside(&link, &env), GearEnv::new().with("PATH", expected).with("A", "1"));
    let twice = environment_for(&VirtualEnv::at(&link), &env);
    assert_eq!(
        twice.get("PATH").unwrap().to_str().unwrap(),
        format!("{link}/bin:/usr/bin:{link}/binx:/bin")
    );
    fs::remove_file(&link).unwrap();
}

#[test]
fn what_packages_call_in_no_utf8_is_copied_with_the_environment() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let odd = std::path::Path::new(OsStr::from_bytes(b"na\xefve"));
    let place = Utf8Path::from_path(dir.path()).unwrap();
    let (from, to) = (place.join("from"), place.join("to"));
    fs::create_dir_all(from.as_std_path().join("lib").join(odd)).unwrap();
    fs::File::create(from.as_std_path().join("lib").join(odd).join(odd)).unwrap();
    std::os::unix::fs::symlink(odd, from.join("lib/link")).unwrap();
    stage::copy_tree(&from, &to).unwrap();
    assert!(to.as_std_path().join("lib").join(odd).join(odd).is_file());
    assert_eq!(fs::read_link(to.join("lib/link")).unwrap(), odd);
}
