//! Which Python an environment has, when an app asks for one.

use super::*;

/// Makes an environment's stamp say that it is built on a program of another path.
fn pretend_another_interpreter(site: &Site) {
    let (path, other) = (site.place().join("cartridge.json"), "/bin/sh");
    let there = fs::metadata(other).unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&files::read(&path).unwrap()).unwrap();
    json["python"]["executable"] = other.into();
    json["python"]["size"] = there.size().into();
    json["python"]["modified"] = there.mtime().into();
    files::write_atomic(&path, json.to_string().as_bytes(), 0o644).unwrap();
}

#[test]
fn an_environment_from_before_the_app_gives_way_to_the_python_that_the_app_would_have_got() {
    let site = Site::new(Choice::Pip);
    let wish = site.wish(NO_SERVER);
    let wish = Wish { python: wish.python.clone().before_the_app(), ..wish };
    assert!(ensure(&wish, &mut |_| ()).unwrap().changed);
    pretend_another_interpreter(&site);
    assert!(!ensure(&wish, &mut |_| ()).unwrap().changed, "there is no app yet");

    let version = Stamp::read(&site.place()).unwrap().python.version;
    site.write(".python-version", &format!("3.{}\n", version.minor));
    let (changed, told) = site.ensured(NO_SERVER);
    assert!(changed && told.starts_with("Making a virtual environment"), "{told}");

    // From now on it is kept, whatever else is on the machine.
    pretend_another_interpreter(&site);
    assert_eq!(site.ensured(NO_SERVER), (false, String::new()));
    site.write(".python-version", "3\n");
    assert_eq!(site.ensured(NO_SERVER), (false, String::new()), "another wish that it fits");
}

#[test]
fn an_environment_that_the_app_had_without_a_wish_is_kept_when_it_fits() {
    let site = Site::new(Choice::Pip);
    let wish = site.wish(NO_SERVER);
    let wish = Wish { python: wish.python.clone().before_the_app(), ..wish };
    assert!(ensure(&wish, &mut |_| ()).unwrap().changed);
    assert_eq!(site.ensured(NO_SERVER), (false, String::new()), "the first start");
    pretend_another_interpreter(&site);
    site.write(".python-version", "3\n");
    assert_eq!(site.ensured(NO_SERVER), (false, String::new()));
}

#[test]
fn a_python_that_is_not_there_is_told_before_anything_is_touched() {
    let site = Site::ready(Choice::Pip);
    site.write(".python-version", "3.29\n");
    site.write("requirements.txt", "no-such-package\n");
    let before = inventory(&site.place());
    let (result, told) = site.ensure(NO_SERVER);
    let error = result.unwrap_err().to_string();
    assert!(
        error.starts_with(".python-version, line 1, asks for Python 3.29, which is"),
        "{error}"
    );
    assert!(told.contains("wanted is 3.29 (.python-version, line 1)"), "{told}");
    assert_eq!(inventory(&site.place()), before);
}
