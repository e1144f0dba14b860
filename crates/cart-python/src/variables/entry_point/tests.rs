use super::*;

fn repo(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let repo = Utf8Path::from_path(dir.path()).unwrap().join("repo");
    std::fs::create_dir(&repo).unwrap();
    for file in files {
        let path = repo.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        cart_core::files::write_atomic(&path, b"", 0o644).unwrap();
    }
    (dir, repo)
}

fn entry(text: &str) -> EntryPoint {
    EntryPoint::parse(text).expect(text)
}

fn message(result: Result<EntryPoint, EntryPointError>, repo: &Utf8Path) -> String {
    result.unwrap_err().to_string().replace(repo.as_str(), "REPO")
}

#[test]
fn every_documented_form_is_read() {
    for (text, shown) in [
        ("app", "app:application"),
        ("app:app", "app:app"),
        ("my.site.wsgi:application", "my.site.wsgi:application"),
        ("site_:web.application", "site_:web.application"),
        ("wsgi/main.py", "wsgi/main.py:application"),
        ("wsgi/main.py:app", "wsgi/main.py:app"),
        ("main.py", "main.py:application"),
        ("wsgi/application", "wsgi/application:application"),
        (" app:app ", "app:app"),
        ("app:create_app()", "app:create_app()"),
        ("app:create_app( 'prod', debug=False )", "app:create_app('prod', debug=False)"),
        ("wsgi/main.py:make(\"a:b\")", "wsgi/main.py:make(\"a:b\")"),
        ("src/:shop.web:app", "src/:shop.web:app"),
        ("src/:app", "src/:app:application"),
        ("src/:app:f('a/:b')", "src/:app:f('a/:b')"),
        ("app:f('a/:b')", "app:f('a/:b')"),
    ] {
        assert_eq!(entry(text).to_string(), shown);
    }
}

#[test]
fn what_no_launcher_could_take_is_refused() {
    for bad in [
        "",
        ":",
        "app:",
        ":app",
        "a b",
        "app:a b",
        "a..b",
        "../x.py",
        "a/../../x.py",
        "a/",
        "/",
        "x\".py",
        "a\n.py",
        "app:f(x)",
        "app:f()()",
        "app:f(",
        "../src/:app",
        "/:app",
        "src/:a/b.py",
        "-m/x.py",
        "my-app",
    ] {
        assert_eq!(EntryPoint::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn modules_packages_and_compiled_modules_are_found() {
    let (_keep, repo) = repo(&[
        "app.py",
        "shop/__init__.py",
        "shop/wsgi.py",
        "fast.cpython-311-x86_64-linux-gnu.so",
    ]);
    for good in ["app", "shop", "shop.wsgi", "fast"] {
        assert_eq!(entry(good).locate(&repo, &[]), Ok(entry(good)), "{good}");
    }
    for bad in ["ap", "shop.other", "fas"] {
        assert!(entry(bad).locate(&repo, &[]).is_err(), "{bad}");
    }
}

#[test]
fn an_installed_package_may_provide_the_module() {
    let (_keep, repo) = repo(&[]);
    let (_keep_too, site) = self::repo(&["shop/wsgi.py"]);
    assert!(entry("shop.wsgi:app").locate(&repo, &[]).is_err());
    assert!(entry("shop.wsgi:app").locate(&repo, &[site]).is_ok());
}

#[test]
fn a_missing_app_is_told_with_its_remedy() {
    let (_keep, empty) = repo(&[]);
    insta::assert_snapshot!(
        message(entry("app").locate(&empty, &[]), &empty),
        @r"
        app.py is missing in REPO
        Add it, or name your app's module or file in OPENSHIFT_PYTHON_WSGI_APPLICATION
        "
    );
    insta::assert_snapshot!(
        message(entry("wsgi/main.py:app").locate(&empty, &[]), &empty),
        @r"
        wsgi/main.py is missing in REPO
        Add it, or name your app's module or file in OPENSHIFT_PYTHON_WSGI_APPLICATION
        "
    );
}

#[test]
fn a_file_becomes_a_path_inside_the_repository() {
    let (_keep, repo) = repo(&["wsgi/main.py"]);
    let located = entry("./wsgi/main.py:app").locate(&repo, &[]).unwrap();
    assert_eq!(located.to_string(), "wsgi/main.py:app");
    let absolute = entry(&format!("{repo}/wsgi/main.py"));
    let located = absolute.locate(&repo, &[]).unwrap();
    assert_eq!(located.to_string(), "wsgi/main.py:application");
}

#[test]
fn an_absolute_path_may_go_through_the_gears_link_to_its_repository() {
    let (keep, repo) = repo(&["app.py"]);
    let link = Utf8Path::from_path(keep.path()).unwrap().join("link");
    std::os::unix::fs::symlink(&repo, &link).unwrap();
    let located = entry(&format!("{link}/app.py")).locate(&repo, &[]).unwrap();
    assert_eq!(located.to_string(), "app.py:application");
}

#[test]
fn no_path_leads_out_of_the_repository() {
    let (keep, repo) = repo(&[]);
    let secret = Utf8Path::from_path(keep.path()).unwrap().join("secret.py");
    cart_core::files::write_atomic(&secret, b"", 0o644).unwrap();
    std::os::unix::fs::symlink(&secret, repo.join("app.py")).unwrap();
    for text in ["app.py".to_owned(), secret.to_string()] {
        let error = entry(&text).locate(&repo, &[]).unwrap_err();
        assert!(matches!(error, EntryPointError::Outside { .. }), "{error}");
    }
}
