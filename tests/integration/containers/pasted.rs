//! The commands of docs/containers.md, pasted in their order.

use std::time::Duration;

use camino::Utf8Path;
use cart_core::run;
use cart_test::own_ip;
use tests::containers::{Image, base, command, pasted, unique};

use crate::readme::commands::{Person, steps};
use crate::readme::page;

const LIMIT: Duration = Duration::from_secs(120);

/// Containers that the page gives names, which are others here, and gone in the end.
struct Named(Vec<(&'static str, String)>);

impl Drop for Named {
    fn drop(&mut self) {
        for (_, name) in &self.0 {
            let words = ["rm", "--force", "--time=0", name];
            let _ = run::output(&command("podman", &words), LIMIT);
        }
    }
}

#[test]
fn the_commands_of_the_page_on_containers_can_be_pasted() {
    let all = steps(&page("docs/containers.md"));
    assert!(all.len() >= 9, "{}", all.len());
    let person = Person::new();
    let image = Image::named("pasted");
    let ip = own_ip();
    let named = Named(["flask", "small"].map(|name| (name, unique(name))).to_vec());
    let repository = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let here = |script: String| {
        let script = pasted(&script, "localhost/flask", image.name(), ip);
        let script = script.replace("--base base", &format!("--base {}", base()));
        named.0.iter().fold(script, |script, (shown, name)| {
            let ends = [format!("--time 90 {shown}\n"), format!("podman rm {shown}\n")];
            let script = script.replace(&format!("--name {shown} "), &format!("--name {name} "));
            ends.iter().fold(script, |script, end| {
                script.replace(end, &end.replace(&format!(" {shown}\n"), &format!(" {name}\n")))
            })
        })
    };
    person.does_in(repository, &all, here);
}
