//! The cartridge that lies beside this program, which is meant where none is named.

use camino::{Utf8Path, Utf8PathBuf};

const HOW: &str = "name the cartridge's directory with --cartridge DIR";

/// The only cartridge beside this program.
pub(crate) fn this_program() -> Result<Utf8PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| format!("{HOW} ({e})"))?;
    cartridge_beside(Utf8Path::from_path(&program).ok_or(HOW)?)
}

/// The only cartridge in the directory of `program`, as it is delivered, or where a build puts the
/// cartridge, in `dist` beside that directory.
fn cartridge_beside(program: &Utf8Path) -> Result<Utf8PathBuf, String> {
    let own = program.parent().ok_or(HOW)?;
    let built = own.parent().unwrap_or(own).join("dist");
    for directory in [own, &built] {
        let mut cartridges = cartridges_in(directory);
        match (cartridges.pop(), cartridges.len()) {
            (Some(only), 0) => return Ok(only),
            (None, _) => {}
            (Some(_), _) => return Err(format!("{HOW}: there is more than one in {directory}")),
        }
    }
    Err(format!("{HOW}: there is none in {own} or {built}"))
}

/// None where there is no such directory.
fn cartridges_in(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path().to_owned());
    paths.filter(|path| path.join("metadata/manifest.yml").is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cart_core::files;

    #[test]
    fn a_cartridge_lies_beside_the_program_or_where_a_build_puts_it() {
        let place = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(place.path()).unwrap();
        let program = place.join("debug/gear");
        let cartridge = |path: &str| {
            let metadata = place.join(path).join("metadata");
            std::fs::create_dir_all(&metadata).unwrap();
            files::write_atomic(&metadata.join("manifest.yml"), b"", 0o644).unwrap();
        };
        let none = cartridge_beside(&program).unwrap_err();
        assert!(none.contains(&format!("none in {place}/debug or {place}/dist")), "{none}");
        cartridge("dist/built");
        assert_eq!(cartridge_beside(&program).unwrap(), place.join("dist/built"));
        cartridge("debug/delivered");
        assert_eq!(cartridge_beside(&program).unwrap(), place.join("debug/delivered"));
        cartridge("debug/another");
        let many = cartridge_beside(&program).unwrap_err();
        assert!(many.contains(&format!("more than one in {place}/debug")), "{many}");
    }
}
