//! docs/from-v2-to-kubernetes.md, pasted: what needs neither a node, a container nor a cluster. What containers
//! need is in `containers/migrated.rs`.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use camino::Utf8PathBuf;
use cart_core::process::ProcessId;
use cart_core::{CommandSpec, files, run, wait};
use cart_test::get;
use rustix::process::Signal;

use super::commands::{Person, Step, steps};
use super::page;

const LIMIT: Duration = Duration::from_secs(120);

/// Says what it was told, and what is kept of it.
const APP: &str = "import os, pathlib

def application(environ, start_response):
    kept = pathlib.Path(os.environ['OPENSHIFT_DATA_DIR'], 'page')
    text = os.environ['GREETING'] + ' and ' + os.environ['API_KEY'] + ': ' + kept.read_text()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [text.encode()]
";

/// What the app says.
pub(crate) const SAYS: &str = "hello # you and s3cret: kept";

/// A person whose gear `shop` was saved to `shop.tar.gz`, and is gone.
pub(crate) struct Shop {
    pub(crate) person: Person,
}

impl Shop {
    pub(crate) fn saved() -> Self {
        let person = Person::new();
        let source = person.home().join("source");
        files::create_dir(&source, 0o755).unwrap();
        files::write_atomic(&source.join("app.py"), APP.as_bytes(), 0o644).unwrap();
        let shop = Self { person };
        // Its start is proved by a page with data in it.
        let set = "--env 'GREETING=hello # you' --env API_KEY=s3cret";
        let hooks = source.join(".openshift/action_hooks");
        std::fs::create_dir_all(&hooks).unwrap();
        let first =
            b"#!/bin/sh\ncd \"$OPENSHIFT_DATA_DIR\" && { test -e page || printf kept >page; }\n";
        files::write_atomic(&hooks.join("pre_build"), first, 0o755).unwrap();
        let own = [
            format!("gear create shop --from source {set} --env OPENSHIFT_PYTHON_WORKERS=1"),
            "gear snapshot shop shop.tar.gz".to_owned(),
            "gear destroy shop --yes".to_owned(),
        ];
        let own = own.map(|command| Step { command, shown: Vec::new() });
        shop.person.does_in(&shop.directory(), &own, |script| script);
        shop
    }

    pub(crate) fn directory(&self) -> Utf8PathBuf {
        self.person.home().to_owned()
    }

    /// What the page's command would serve, until somebody ends it.
    fn serve(&self, command: &str) -> String {
        let shell = CommandSpec::new("/bin/bash", &self.person.env).dir(self.directory());
        let exec = format!("exec {command} --listen 127.0.0.1:0");
        let mut gear = run::piped(&shell.args(["-c", &exec])).unwrap();
        let mut line = String::new();
        BufReader::new(gear.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.split(' ').find_map(|word| word.strip_prefix("http://"));
        let body =
            url.map(|url| get(url.trim_end().trim_end_matches('/').parse().unwrap(), "/").body);
        ProcessId::of(gear.id()).unwrap().signal(Signal::TERM);
        let ended = wait::until(LIMIT, || gear.try_wait().unwrap());
        assert_eq!(ended.and_then(|status| status.code()), Some(0));
        body.unwrap()
    }
}

/// The commands of the page that begin with one of these words, in their order.
pub(crate) fn of_page(begin: &[&str]) -> Vec<Step> {
    let all = steps(&page("docs/from-v2-to-kubernetes.md"));
    all.into_iter().filter(|step| begin.iter().any(|word| step.command.starts_with(word))).collect()
}

/// So that none is forgotten: each command of the page is pasted by a test, or needs what no test has.
#[test]
fn each_command_is_of_a_test_or_of_a_node_or_a_cluster() {
    const ELSEWHERE: [&str; 4] =
        ["rhc ", "kubectl ", "podman push ", "tar -C shop/data -cf - . | kubectl "];
    let all = steps(&page("docs/from-v2-to-kubernetes.md")).len();
    let tested = [&HERE[..], &["gear serve "], &CONTAINERS[..], &ELSEWHERE[..]].concat();
    assert_eq!(of_page(&tested).len(), all);
    assert!(all > 14, "{all}");
}

const HERE: [&str; 4] = ["gear extract ", "ls ", "sed ", "gear manifest "];
/// What `containers/migrated.rs` pastes.
pub(crate) const CONTAINERS: [&str; 6] = [
    "gear image ",
    "tar -C shop/data -cf - . | podman run ",
    "podman run ",
    "curl ",
    "podman rm ",
    "podman volume ",
];

#[test]
fn a_snapshot_becomes_an_app_that_serves_and_a_manifest_with_all_of_it() {
    let shop = Shop::saved();
    shop.person.does_in(&shop.directory(), &of_page(&HERE), |script| script);
    let read = |name: &str| std::fs::read_to_string(shop.directory().join(name)).unwrap();
    assert_eq!(read("shop/app/app.py"), APP);
    assert_eq!(read("shop/data/page"), "kept");
    assert_eq!(read("shop/settings.env"), "OPENSHIFT_PYTHON_WORKERS=1\n");

    let serve = of_page(&["gear serve "]);
    assert_eq!(serve.len(), 1);
    assert_eq!(shop.serve(&serve[0].command), SAYS);
    assert_eq!(read("shop/data/page"), "kept");

    let manifest = read("shop.yaml");
    let objects: Vec<&str> = manifest.split("---\n").collect();
    let of_kind = |kind: &str| {
        let line = format!("kind: {kind}\n");
        objects.iter().find(|object| object.contains(&line)).copied().unwrap_or_default()
    };
    assert!(of_kind("ConfigMap").contains("GREETING: \"hello # you\"\n"), "{manifest}");
    assert!(of_kind("ConfigMap").contains("OPENSHIFT_PYTHON_WORKERS: \"1\"\n"), "{manifest}");
    assert!(of_kind("Secret").contains("API_KEY: s3cret\n"), "{manifest}");
    assert!(of_kind("PersistentVolumeClaim").contains("storage: 1Gi\n"), "{manifest}");
    assert!(of_kind("Deployment").contains("claimName: shop\n"), "{manifest}");
    assert!(of_kind("Ingress").contains("shop.example.org"), "{manifest}");
}
