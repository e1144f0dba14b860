//! What was installed in an image, for those who look for known faults in it: a bill of materials in the words of
//! CycloneDX 1.5.

use cart_core::files::FileError;
use cyclonedx_bom::external_models::uri::Purl;
use cyclonedx_bom::models::bom::Bom;
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::metadata::Metadata;

use crate::serve::prepared::record::{Package, Prepared, SBOM};

/// The bill of what was prepared with a cartridge. It has no number and no time of its own: the same must come
/// of the same.
///
/// # Errors
/// [`FileError`] when it cannot be expressed.
pub(super) fn of(prepared: &Prepared, cartridge: &Package) -> Result<Vec<u8>, FileError> {
    let app = Component::new(Classification::Application, &prepared.name, "", None);
    let app = Component { version: None, ..app };
    let packages = prepared.packages.iter().chain([cartridge]).map(component);
    let bom = Bom {
        serial_number: None,
        metadata: Some(Metadata { component: Some(app), ..Metadata::default() }),
        components: Some(Components(packages.collect())),
        ..Bom::default()
    };
    let mut text = Vec::new();
    bom.output_as_json_v1_5(&mut text)
        .map_err(|error| FileError::new("write", SBOM.into(), std::io::Error::other(error)))?;
    Ok(text)
}

fn component(package: &Package) -> Component {
    let Package { kind, name, version } = package;
    let purl = Purl::new(kind, name, version).ok();
    let reference = purl.as_ref().map(ToString::to_string);
    let component = Component::new(Classification::Library, name, version, reference);
    Component { purl, ..component }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_has_a_name_by_which_it_is_looked_up_and_the_same_comes_of_the_same() {
        let package = |kind: &str, name: &str| Package {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version: "1.2".to_owned(),
        };
        let prepared =
            Prepared::of_test(vec![package("pypi", "flask"), package("generic", "python")]);
        let cartridge = package("generic", "advanced-python");
        let text = of(&prepared, &cartridge).unwrap();
        assert_eq!(text, of(&prepared, &cartridge).unwrap());
        let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let purls: Vec<_> =
            read["components"].as_array().unwrap().iter().map(|c| &c["purl"]).collect();
        assert_eq!(
            purls,
            ["pkg:pypi/flask@1.2", "pkg:generic/python@1.2", "pkg:generic/advanced-python@1.2"]
        );
        assert_eq!(read["metadata"]["component"]["name"], "shop");
        assert!(read.get("serialNumber").is_none() && read["metadata"].get("timestamp").is_none());
    }
}
