use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::*;
use crate::environment::endpoint::Listen;
use crate::gear::options::GearOptions;
use crate::home::boot::{Turn, turn_all};
use crate::layout::error::{GearError, Kind};
use crate::layout::state::State;
use crate::scripts::progress::Silent;

struct Place {
    _keep: tempfile::TempDir,
    root: Utf8PathBuf,
    gears: GearHome,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        let cartridge = root.join("cartridge");
        for directory in ["bin", "metadata", "usr"] {
            std::fs::create_dir_all(cartridge.join(directory)).unwrap();
        }
        // Tests that run at the same time look at other ports.
        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = probe.local_addr().unwrap().port();
        let admin = port - 1;
        let manifest = format!(
            "Name: Two\nCartridge-Short-Name: TWO\nVersion: '1'\n\
             Cartridge-Vendor: us\nCartridge-Version: '0.1'\nEndpoints:\n\
             - {{Private-IP-Name: IP, Private-Port-Name: PORT, Private-Port: {port}}}\n\
             - {{Private-IP-Name: IP, Private-Port-Name: ADMIN, Private-Port: {admin}}}\n\
             - {{Private-IP-Name: DB_IP, Private-Port-Name: DB_PORT, Private-Port: {port}}}\n"
        );
        files::write_atomic(&cartridge.join("metadata/manifest.yml"), manifest.as_bytes(), 0o644)
            .unwrap();
        files::write_atomic(&cartridge.join("usr/data"), b"", 0o644).unwrap();
        let gears = GearHome::at(&root.join("g")).unwrap();
        Self { _keep: dir, root, gears }
    }

    fn lock(&self, name: &str) -> GearLock {
        let (none, limit) = (Interrupts::default(), Duration::ZERO);
        self.gears.lock(name, "test", limit, &none, &mut |_| ()).unwrap()
    }

    fn create_at(&self, name: &str, listen: Listen) -> Result<GearOnDisk, GearError> {
        let mut options = GearOptions::new(self.root.join("cartridge"), name);
        options.listen = listen;
        options.more_path = Some("/opt/bin".into());
        self.gears.create(options, &self.lock(name))
    }

    fn create(&self, name: &str) -> GearOnDisk {
        let mut gear = self.create_at(name, Listen::Anywhere).unwrap();
        gear.configure("1", &mut Silent).unwrap();
        self.gears.finished(&gear).unwrap();
        gear
    }

    fn destroy(&self, name: &str) {
        let listed = self.gears.find(name).unwrap();
        let held = self.lock(name);
        self.gears.destroy(&listed, Conditions::default(), held, &mut Silent).unwrap();
    }
}

fn addresses(gear: &GearOnDisk) -> Vec<String> {
    gear.endpoints().bound.iter().map(|bound| bound.address.to_string()).collect()
}

#[test]
fn a_gear_is_found_again_as_it_was_made_though_its_cartridge_is_gone() {
    let place = Place::new();
    let made = place.create("blog");
    std::fs::remove_dir_all(place.root.join("cartridge")).unwrap();
    let gear = place.gears.open("blog", Conditions::default()).unwrap();
    assert_eq!(gear.name(), "blog");
    assert_eq!(gear.layout(), made.layout());
    assert_eq!(gear.endpoints(), made.endpoints());
    assert_eq!(gear.state(), State::New);
    let cartridge = gear.cartridge().unwrap();
    assert_eq!((cartridge.manifest.name.as_str(), cartridge.version.as_str()), ("Two", "1"));
    assert!(cartridge.directory.join("usr/data").is_file());
    assert!(!cartridge.directory.join("usr").is_symlink());
    let (before, after) = (made.environment().unwrap(), gear.environment().unwrap());
    assert_eq!(before.get("PATH"), after.get("PATH"));
    assert_eq!(before, after);
}

#[test]
fn each_gear_has_the_first_addresses_that_no_other_has_and_frees_them_with_its_end() {
    let place = Place::new();
    let first = addresses(&place.create("one"));
    let second = addresses(&place.create("two"));
    assert_eq!(first.len(), 3);
    let ip = |address: &String| -> Ipv4Addr { address.split_once(':').unwrap().0.parse().unwrap() };
    let ips: Vec<Ipv4Addr> = first.iter().chain(&second).map(ip).collect();
    assert!(ips[0] == ips[1] && ips[3] == ips[4], "{ips:?}");
    let own: BTreeSet<Ipv4Addr> = ips.iter().copied().collect();
    assert_eq!(own.len(), 4, "{ips:?}");
    assert!(own.iter().all(|ip| (64..192).contains(&ip.octets()[1])), "{own:?}");
    // Nothing listens on any of them, here and in another directory.
    let other = Place::new();
    let elsewhere: Vec<Ipv4Addr> = addresses(&other.create("one")).iter().map(ip).collect();
    assert!(elsewhere.iter().all(|ip| !own.contains(ip)), "{elsewhere:?} {own:?}");
    place.destroy("one");
    assert_eq!(addresses(&place.create("three")), first);
}

#[test]
fn an_address_on_which_a_port_is_taken_is_passed_over() {
    let place = Place::new();
    let first = addresses(&place.create("one"));
    place.destroy("one");
    let busy = std::net::TcpListener::bind(&first[1]).unwrap();
    let chosen = addresses(&place.create("two"));
    assert!(!chosen[..2].contains(&first[0]), "{chosen:?}");
    drop(busy);
}

#[test]
fn an_address_that_was_asked_for_is_the_first_and_is_not_given_twice() {
    let place = Place::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gear = place.create_at("one", Listen::At(free)).unwrap();
    assert_eq!(gear.endpoints().bound[0].address, free);
    assert_eq!(gear.endpoints().bound[1].address.ip(), free.ip());
    assert!(addresses(&gear)[2].starts_with("127."));
    assert_ne!(gear.endpoints().bound[2].address.ip(), free.ip());
    let error = place.create_at("two", Listen::At(free)).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{free} is the address of another gear: choose another one with --listen")
    );
    assert!(!place.gears.home_of("two").exists());
}

#[test]
fn an_unfinished_gear_is_listed_cannot_be_opened_and_can_be_destroyed() {
    let place = Place::new();
    drop(place.create_at("half", Listen::Anywhere).unwrap());
    assert_eq!(place.gears.list().unwrap().gears[0].record.stage, Stage::Creating);
    let error = place.gears.open("half", Conditions::default()).unwrap_err().to_string();
    assert!(error.contains("`gear destroy half`"), "{error}");
    let error = place.create_at("half", Listen::Anywhere).unwrap_err().to_string();
    assert!(error.contains("`gear destroy half`"), "{error}");
    // Killed so early that there is nothing but the record.
    std::fs::remove_dir_all(place.gears.home_of("half").join(".env")).unwrap();
    place.destroy("half");
    let left = place.gears.directory().read_dir_utf8().unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert_eq!(left, [".locks"]);
    assert!(!place.gears.directory().join(".locks/half").exists());
}

#[test]
fn a_full_disk_keeps_no_gear_from_being_destroyed_but_other_faults_do() {
    use rustix::io::Errno;
    let noted = |errno: Errno| unless_full(Err(FileError::new("write", "/f".into(), errno.into())));
    assert!(noted(Errno::NOSPC).is_ok() && noted(Errno::DQUOT).is_ok());
    assert!(noted(Errno::ROFS).is_err() && noted(Errno::ACCESS).is_err());
}

#[test]
fn what_is_no_gear_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.gears.home_of("notes")).unwrap();
    files::write_atomic(&place.gears.home_of("file"), b"", 0o644).unwrap();
    assert!(place.gears.list().unwrap().gears.is_empty());
    for name in ["notes", "file"] {
        let error = place.create_at(name, Listen::Anywhere).unwrap_err();
        assert!(error.to_string().contains("in the way"), "{error}");
        assert_eq!(place.gears.find(name).unwrap_err().kind(), Kind::Wrong);
    }
    let error = place.create_at("no-name", Listen::Anywhere).unwrap_err();
    assert!(error.to_string().contains("cannot be the name of a gear"), "{error}");
}

#[test]
fn a_gear_that_cannot_be_read_does_not_stand_in_the_way_of_others() {
    let place = Place::new();
    place.create("blog");
    place.create("shop");
    // Nobody can read it, root neither.
    let other = place.gears.home_of("other");
    std::fs::create_dir_all(other.join(".gear.json")).unwrap();
    let found = place.gears.list().unwrap();
    assert_eq!(found.gears.iter().map(|gear| &*gear.name).collect::<Vec<_>>(), ["blog", "shop"]);
    assert_eq!(found.unreadable[0].0, "other");
    let meant = place.gears.find("blgo").unwrap_err().to_string();
    assert!(meant.ends_with("did you mean blog?"), "{meant}");
    // Its address, which it has for life, is not known.
    let error = place.create_at("third", Listen::Anywhere).unwrap_err().to_string();
    assert!(error.contains("other/.gear.json"), "{error}");

    let mut told = Vec::new();
    let conditions = |_: &str| Conditions::default();
    let all = turn_all(&place.gears, Turn::On, &conditions, &mut |turned| {
        told.push((turned.name.clone(), turned.outcome.is_ok()));
    });
    let names: Vec<String> = all.unwrap().into_iter().map(|turned| turned.name).collect();
    assert_eq!(names, ["blog", "other", "shop"]);
    told.sort();
    assert_eq!(
        told,
        [("blog", true), ("other", false), ("shop", true)].map(|(n, ok)| (n.to_owned(), ok))
    );
}

#[test]
fn a_wrong_name_finds_the_right_one() {
    let place = Place::new();
    place.create("blog");
    let error = place.gears.find("bolg").unwrap_err().to_string();
    assert!(error.contains("no gear \"bolg\" in ") && error.ends_with("; did you mean blog?"));
    let error = place.create_at("blog", Listen::Anywhere).unwrap_err().to_string();
    assert!(error.contains("there is a gear blog already"), "{error}");
}

#[test]
fn variables_say_where_gears_live() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
    let at = |env: &GearEnv| GearHome::from_env(env).unwrap().directory().to_owned();
    let mut env = GearEnv::new().with("HOME", root.as_str());
    assert_eq!(at(&env), root.join(".local/share/gear"));
    env.set("XDG_DATA_HOME", "relative");
    assert_eq!(at(&env), root.join(".local/share/gear"));
    env.set("XDG_DATA_HOME", root.join("data").as_str());
    assert_eq!(at(&env), root.join("data/gear"));
    env.set("GEAR_HOME", root.join("g").as_str());
    assert_eq!(at(&env), root.join("g"));
    env.set("GEAR_HOME", "relative");
    assert!(matches!(GearHome::from_env(&env), Err(GearError::Variable(_))));
    let error = GearHome::from_env(&GearEnv::new()).unwrap_err();
    assert!(error.to_string().contains("nothing says where gears live"), "{error}");
}
