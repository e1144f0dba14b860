//! The rest of docs/from-v2-to-kubernetes.md: an image of what a snapshot held, and its data in a volume.

use std::time::Duration;

use cart_core::{CommandSpec, GearEnv, run};
use cart_test::own_ip;
use tests::containers::{Container, Image, USER, base, command, environment, pasted, unique};

use crate::readme::commands::Step;
use crate::readme::migration::{CONTAINERS, SAYS, Shop, of_page};

const LIMIT: Duration = Duration::from_secs(120);

/// What is made by names of the page's, and is gone in the end.
struct Made {
    image: Image,
    container: String,
    volume: String,
    env: GearEnv,
}

impl Drop for Made {
    fn drop(&mut self) {
        let tidy = |words: &[&str]| {
            let spec = CommandSpec::new("podman", &self.env).args(words.iter().copied());
            let _ = run::output(&spec, LIMIT);
        };
        tidy(&["rm", "--force", "--time=0", &self.container]);
        tidy(&["volume", "rm", "--force", &self.volume]);
    }
}

#[test]
fn data_and_variables_of_a_gear_are_in_a_container_of_its_code() {
    let shop = Shop::saved();
    let made = Made {
        image: Image::named("shop"),
        container: unique("shop"),
        volume: unique("data"),
        env: environment(),
    };
    let ip = own_ip();
    // Programs of the page are run in the environment that engines need here.
    let here = |script: String| {
        pasted(&script, "localhost/shop:1", made.image.name(), ip)
            .replace("--base my-base", &format!("--base {}", base()))
            .replace("--volume shop-data:", &format!("--volume {}:", made.volume))
            .replace("--name shop --volume", &format!("--name {} --volume", made.container))
            .replace("--time 60 shop", &format!("--time 60 {}", made.container))
    };
    let mut all: Vec<Step> = of_page(&["gear extract ", "sed "]);
    all.extend(of_page(&CONTAINERS));
    let said = shop.person.does_in(&shop.directory(), &all, here);
    assert!(said.contains(SAYS), "{said}");
    // The data are those of the volume.
    let words = ["volume", "inspect", "--format", "{{.Mountpoint}}", &made.volume];
    let place = run::checked(&command("podman", &words), LIMIT);
    let kept = format!("{}/page", place.unwrap().stdout_text());
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "kept");

    // Another user, who may not write there, is not served without a word; one to whom it is given is.
    let (user, volume) = (format!("--user={USER}"), format!("--volume={}:/data", made.volume));
    let words = ["run", "--rm", "--network=none", &user, &volume, made.image.name()];
    let refused = run::output(&command("podman", &words), LIMIT).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = refused.stderr_text();
    assert!(said.contains("cannot be kept in /data: Permission denied"), "{said}");
    assert!(said.contains("for user 1000670000 in group 0"), "{said}");
    let given = format!("{volume}:U");
    let more = [&*given, "--env=GREETING=hello # you", "--env=API_KEY=s3cret"];
    assert_eq!(Container::start(made.image.name(), &more, &[]).get("/").body, SAYS);
}
