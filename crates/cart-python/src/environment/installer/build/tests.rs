use super::*;

/// What pip 24.2 prints, shortened.
const OLD_CODE: &str = "
Collecting psycopg2-binary==2.8.5 (from -r requirements.txt (line 1))
  Downloading psycopg2-binary-2.8.5.tar.gz (381 kB)
  Building wheel for psycopg2-binary (pyproject.toml): finished with status 'error'
  error: subprocess-exited-with-error
  × Building wheel for psycopg2-binary (pyproject.toml) did not run successfully.
      psycopg/psycopgmodule.c:1091:25: error: lvalue required as left operand of assignment
      error: Command '['gcc', '-I.', '-c', 'x.c']' returned non-zero exit status 1.
  ERROR: Failed building wheel for psycopg2-binary
ERROR: Failed to build installable wheels for some pyproject.toml based projects (psycopg2-binary)";

/// What pip 23.0 prints where there is no `wheel`, shortened.
const LEGACY_BUILD: &str = "
Collecting psycopg2-binary==2.8.5
  Downloading psycopg2-binary-2.8.5.tar.gz (381 kB)
Collecting six
  Downloading six-1.16.0-py2.py3-none-any.whl (11 kB)
  Running setup.py install for psycopg2-binary: finished with status 'error'
  × Running setup.py install for psycopg2-binary did not run successfully.
      error: command '/usr/bin/gcc' failed with exit code 1
error: legacy-install-failure";

const LINKS: &str = "
  Skipping link: none of the wheel's tags (cp34-cp34m-manylinux1_ARCH) are compatible: https://x/psycopg2_binary-2.8.5-cp34-cp34m-manylinux1_ARCH.whl (from https://x/)
  Skipping link: none of the wheel's tags (cp38-cp38-manylinux1_ARCH) are compatible: https://x/psycopg2_binary-2.8.5-cp38-cp38-manylinux1_ARCH.whl#sha256=00 (from https://x/)
  Skipping link: none of the wheel's tags (cp39-cp39-win_amd64) are compatible: https://x/psycopg2_binary-2.8.5-cp39-cp39-win_amd64.whl (from https://x/)
  Found link https://x/psycopg2_binary-2.9.9-cp313-cp313-manylinux_2_17_ARCH.whl (from https://x/), version: 2.9.9
  Found link https://x/psycopg2_binary-2.10.1-cp313-cp313-manylinux_2_17_ARCH.whl (from https://x/), version: 2.10.1
  Found link https://x/psycopg2_binary-3.0rc1-cp313-cp313-manylinux_2_17_ARCH.whl (from https://x/), version: 3.0rc1";

fn unbuilt(text: &str) -> Option<Unbuilt> {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    Unbuilt::of(&lines)
}

#[test]
fn a_package_that_is_too_old_is_told_with_what_would_do() {
    let mut old = unbuilt(OLD_CODE).unwrap();
    insta::assert_snapshot!(old, @"psycopg2-binary 2.8.5 is not delivered compiled (as a wheel) for this Python, and cannot be built here: its code does not fit, most often because it is older. Ask for another version of psycopg2-binary, or use another Python");
    let links = LINKS.replace("ARCH", std::env::consts::ARCH);
    old.wheels = Wheels::of(&links, "psycopg2-binary", Some("2.8.5"));
    old.python = Some("3.13".to_owned());
    old.place = Some("requirements.txt, line 1".to_owned());
    insta::assert_snapshot!(old, @"psycopg2-binary 2.8.5 (requirements.txt, line 1) is not delivered compiled (as a wheel) for Python 3.13, and cannot be built here: its code does not fit, most often because it is older. Ask for psycopg2-binary 2.10.1, which has a wheel, or use Python 3.8, for which psycopg2-binary 2.8.5 has one");
}

#[test]
fn a_package_that_an_older_pip_could_not_build_is_named_too() {
    let old = unbuilt(LEGACY_BUILD).unwrap();
    assert_eq!(old.name.as_deref(), Some("psycopg2-binary"));
    assert_eq!(old.version.as_deref(), Some("2.8.5"));
}

#[test]
fn what_is_missing_is_named() {
    let said: Vec<String> = [
        "  error: command 'gcc' failed: No such file or directory",
        "  x.c:1:10: fatal error: Python.h: No such file or directory",
        "  x.c:1:10: fatal error: libpq-fe.h: No such file or directory\n  error: command '/usr/bin/gcc' failed with exit code 1",
        "  x.c:1:10: fatal error: 'ffi.h' file not found",
        "  /usr/bin/ld: cannot find -lpq: No such file or directory",
        "  Error: pg_config executable not found.",
        "  error: can't find Rust compiler",
    ]
    .map(|text| unbuilt(text).unwrap().to_string())
    .to_vec();
    insta::assert_snapshot!(said.join("\n"), @"
    a package must be built for this Python, and cannot be: there is no C compiler. Install what is missing: `apt-get install gcc python3-dev` or `dnf install gcc python3-devel`
    a package must be built for this Python, and cannot be: the header Python.h is missing. Install what is missing: `apt-get install gcc python3-dev` or `dnf install gcc python3-devel`
    a package must be built for this Python, and cannot be: the header libpq-fe.h is missing. Install the development package that libpq-fe.h belongs to
    a package must be built for this Python, and cannot be: the header ffi.h is missing. Install the development package that ffi.h belongs to
    a package must be built for this Python, and cannot be: the library pq is missing. Install the development package that pq belongs to
    a package must be built for this Python, and cannot be: the program pg_config is missing. Install the development package that pg_config belongs to
    a package must be built for this Python, and cannot be: there is no Rust compiler. Install `rustc` and `cargo`
    ");
}

#[test]
fn a_build_that_fails_before_it_compiles_is_one_and_that_of_the_app_itself_is_none() {
    let text = "Collecting old[x]>=1 (from -r requirements.txt (line 1))\n\
                \x20 Using cached https://x/old-1.5.tar.gz\n\
                \x20 error: subprocess-exited-with-error\n\
                \x20 × Getting requirements to build wheel did not run successfully.\n\
                \x20     AttributeError: module 'pkgutil' has no attribute 'ImpImporter'";
    let found = unbuilt(text).unwrap();
    assert_eq!((found.name.as_deref(), found.version.as_deref()), (Some("old"), Some("1.5")));
    assert_eq!(found.cause, Cause::Code);
    assert_eq!(unbuilt("Obtaining file:///repo\nerror: metadata-generation-failed"), None);
    assert_eq!(unbuilt("ERROR: No matching distribution found for x"), None);
}
