//! Where a request looks for a file, and goes when there is none.

use super::Model;
use crate::precompressed::{EXTENSIONS, Encoding};
use crate::wanted::folder::CheckedFolder;

impl Model {
    /// The first folder of the whole site.
    pub(super) fn root(&self) -> Option<&CheckedFolder> {
        self.folders.first().filter(|folder| folder.is_root())
    }

    /// Whether a second folder is that of the whole site.
    pub(super) fn has_more_roots(&self) -> bool {
        self.folders.get(1).is_some_and(CheckedFolder::is_root)
    }

    /// The folders that are asked after another one.
    pub(super) fn below_first(&self) -> impl Iterator<Item = &CheckedFolder> {
        self.folders.iter().skip(usize::from(self.root().is_some()))
    }

    /// Where a request goes that is for no file.
    pub(super) fn app(&self) -> &'static str {
        match (self.has_app(), &self.fallback) {
            (_, Some(_)) => "$otherwise",
            (true, None) => "@appserver",
            (false, None) => "=404",
        }
    }

    /// Where a request goes for which `folder` has no file.
    pub(super) fn after(&self, folder: &CheckedFolder) -> String {
        match folder.next {
            Some(next) => format!("@files_{next}"),
            None if folder.is_root() && !self.mounts.is_empty() => "$after_roots".to_owned(),
            None => self.app().to_owned(),
        }
    }

    /// Where text is looked for that was compressed when the app was deployed, and then as it is.
    pub(super) fn text_files(&self) -> String {
        let read = self.unless_read();
        let otherwise = if self.root().is_some() { "@text" } else { "$after_roots" };
        format!("{read}/$content_coding$uri {read}/identity$uri {otherwise}")
    }

    /// Where a directory's index is looked for. Not for a copy of one that is too small for compression: more
    /// often than not there is no index at all, and each place that is looked at is work.
    pub(super) fn index_files(&self, otherwise: &str) -> String {
        format!("{}/$content_coding${{uri}}index.html {otherwise}", self.unless_read())
    }

    /// Only GET and HEAD look for a file where others are the app's.
    pub(super) fn unless_read(&self) -> &'static str {
        if self.has_app() { "$unless_read" } else { "" }
    }

    /// What ends the paths of text.
    pub(super) fn text(&self) -> String {
        format!("[.](?:{})$", EXTENSIONS.join("|"))
    }

    /// Which requests are for files that may have been compressed when the app was deployed; none where there
    /// are no files.
    pub(super) fn text_pattern(&self) -> Option<String> {
        if self.root().is_some() {
            return Some(self.text());
        }
        (!self.mounts.is_empty()).then(|| format!("^(?:{})/.*{}", self.places(), self.text()))
    }

    /// Which requests are for the index of a directory, where no folder is that of the whole site.
    pub(super) fn index_pattern(&self) -> String {
        format!("^(?:{})/(?:.*/)?$", self.places())
    }

    /// The paths that have folders.
    pub(super) fn places(&self) -> String {
        let all: Vec<&str> = self.mounts.iter().map(|mount| mount.pattern.as_str()).collect();
        all.join("|")
    }

    /// The extensions of what build tools make.
    pub(super) fn code(&self) -> &'static str {
        "js|mjs|css|map|wasm|woff2?|ttf|otf|eot"
    }

    /// Codings, the one first that is preferred.
    pub(super) fn codings(&self) -> impl Iterator<Item = &'static str> {
        Encoding::PREFERRED.into_iter().map(Encoding::name)
    }
}
