//! The kinds of values that several variables have in common.

use std::time::Duration;

use cart_core::{GearEnv, Setting, SettingError};

use crate::serving::server::{self, WsgiServer};

/// The server that a variable names, if it is set.
///
/// # Errors
/// There is none of that name: the error also tells the one that was probably meant.
pub(super) fn server_of(
    setting: Setting,
    env: &GearEnv,
) -> Result<Option<&'static dyn WsgiServer>, SettingError> {
    let Some(name) = setting.read(env, |name| Some(name.to_owned()))? else {
        return Ok(None);
    };
    server::by_name(&name).map(Some).ok_or_else(|| {
        let mut error = setting.wrong(&name);
        if let Some(meant) = server::closest(&name) {
            error.allowed += &format!("; did you mean `{meant}`?");
        }
        error
    })
}

/// `yes` or `no`.
pub(super) fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// A number of processes or threads.
///
/// # Errors
/// It is none from 1 to 1000.
pub(super) fn count(setting: Setting, env: &GearEnv) -> Result<Option<u32>, SettingError> {
    setting.read(env, |text| text.trim().parse().ok().filter(|n| (1..=1000).contains(n)))
}

/// A time in whole seconds.
///
/// # Errors
/// It is none from 1 to 3600.
pub(super) fn seconds(
    setting: Setting,
    env: &GearEnv,
    default: u64,
) -> Result<Duration, SettingError> {
    setting.number(env, 1..=3600, default).map(Duration::from_secs)
}

/// A text that is there, and fits in a line.
pub(super) fn one_line(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
