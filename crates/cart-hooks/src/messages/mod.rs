//! All words for people: what happened, where, and what to do next.

mod background;
mod choice;
mod doctor;
mod last_good;

use std::io;
use std::net::SocketAddr;

use cart_core::cartridge::Upgrade;
use cart_core::run::RunError;
use cart_nginx::precompressed::Made;
use cart_python::Prepared;
use cart_python::interface::Interface;
use cart_python::procfile::{FILE, Process};
use cart_python::server::choice::able;
use cart_python::settings::SERVER;
use cart_python::sizing::Workers;
use cart_python::stacks::{Answer, ProcessStacks, endless_import};
use cart_python::websocket;
use cart_supervisor::{Failure, Verdict};

use crate::error::{Before, Error};
use crate::names::{APPSERVER, NGINX, WEBSOCKETSERVER};

pub(crate) use background::{
    background, background_state, is_not_run, no_background, waiting, would_run,
};
pub(crate) use choice::{
    below, learnt, second_chosen, second_cut_off, server_chosen, workers_cut_off,
};
pub(crate) use doctor::{
    nginx_would_do, not_read_without_gunicorn, not_understood, packages, variables, would_release,
    would_serve,
};
pub(crate) use last_good::{is_last_good, not_kept};

/// After a stop.
pub(crate) const STOPPED: &str = "Application stopped";
/// After a stop of nothing.
pub(crate) const STOPPED_ALREADY: &str = "Application is stopped already";
/// After `unready`.
pub(crate) const UNREADY: &str = "Application is not ready any more, and serves on until it is stopped. A start makes it ready again";
/// `unready` of nothing.
pub(crate) const NOTHING_IS_READY: &str = "Application is stopped: nothing is ready";
/// `status` of nothing.
pub(crate) const NOT_RUNNING: &str = "Application is stopped";
/// Of services whose supervisor died.
pub(crate) const UNSUPERVISED: &str = "Nobody looks after the application: its supervisor has died, \
     and nothing would be started again after a crash. `control start` puts that right";
/// `reload` of nothing.
pub(crate) const NOTHING_TO_RELOAD: &str =
    "Application is stopped: nothing to reload. Its nginx configuration is valid";

/// After static files were compressed.
pub(crate) fn compressed(made: &Made) -> String {
    let kilobytes = |bytes: u64| bytes.div_ceil(1000);
    let (files, have) = if made.originals == 1 { ("file", "is") } else { ("files", "are") };
    format!(
        "{} static {files} {have} compressed for visitors: {} kB instead of {} kB",
        made.originals,
        kilobytes(made.bytes_after),
        kilobytes(made.bytes_before)
    )
}

/// How many workers the server has, and why, if that is worth a line.
pub(crate) fn workers(workers: &Workers) -> Option<String> {
    let Workers { count, because } = workers;
    let workers = if *count == 1 { "worker" } else { "workers" };
    because.as_ref().map(|because| format!("{count} {workers}: {because}"))
}

/// After a start at an address that others reach, where nobody said whom to believe.
pub(crate) fn believes_neighbours(address: SocketAddr) -> String {
    format!(
        "Other machines reach {address}, and every private address (10.0.0.0/8, 172.16.0.0/12, \
         192.168.0.0/16, fc00::/7) is believed what its X-Forwarded-For, -Proto and -Host say of a \
         visitor. Set OPENSHIFT_NGINX_TRUSTED_PROXIES to the addresses of your proxies, or to none"
    )
}

/// JSON is wanted of an nginx that cannot write it.
pub(crate) fn access_log_stays_text(nginx: &semver::Version) -> String {
    format!(
        "OPENSHIFT_LOG_FORMAT is json, but nginx {nginx} cannot write its access log as JSON: \
         logs/nginx-access.log stays text. nginx 1.11.8 or newer can"
    )
}

/// `status` of an app that answers. A node looks for the word "running" (node-contract.md,
/// control).
pub(crate) fn running(server: &str, python: Option<&semver::Version>, nginx: &str) -> String {
    let python = python.map(|version| format!(" with Python {version}")).unwrap_or_default();
    format!("Application is running: {server}{python} behind {nginx}")
}

/// `status` of an app that runs but does not answer as it should.
pub(crate) fn not_answering(
    address: SocketAddr,
    path: &str,
    answer: &io::Result<Option<Verdict>>,
    log: &str,
) -> String {
    let asked = format!("http://{address}{path}");
    let what = outcome(answer);
    format!(
        "Application is up but not well: {asked} {what}.\n\
         Look at {log} and logs/nginx-error.log in the cartridge's directory"
    )
}

/// `status` of services whose supervisor died, and what they answer.
pub(crate) fn unsupervised(address: SocketAddr, answer: &io::Result<Option<Verdict>>) -> String {
    let what = match answer {
        Ok(Some(Verdict::Proved)) => "still answers".to_owned(),
        _ => outcome(answer),
    };
    format!("{UNSUPERVISED}.\nhttp://{address}/ {what}")
}

fn outcome(answer: &io::Result<Option<Verdict>>) -> String {
    match answer {
        Ok(Some(Verdict::WrongStatus(status))) => format!("answered with status {status}"),
        Ok(Some(Verdict::NoHttp)) => "closed the connection without an answer".to_owned(),
        Ok(Some(Verdict::Proved) | None) => "did not answer in time".to_owned(),
        Err(error) => format!("could not be reached: {error}"),
    }
}

/// `status` of a service that crashed and will be tried again.
pub(crate) fn backing_off(service: &str, reason: &str) -> String {
    format!("{} crashed ({reason}) and is being started again", title(service))
}

/// `status` of a service that crashed too often.
pub(crate) fn gave_up(service: &str, reason: &str, log: &str) -> String {
    format!(
        "{} crashed too often in a row ({reason}) and was given up. \
         Mend the cause ({log}) and restart the application",
        title(service)
    )
}

/// `status` when one of the two services is not there at all.
pub(crate) fn missing_service(service: &str) -> String {
    format!("{} is not running. Restart the application", title(service))
}

/// When the cartridge was upgraded and its supervisor could not be.
pub(crate) fn not_renewed(why: &str) -> String {
    format!(
        "The supervisor goes on as the version it was started as: {why}. Nothing is lost by that; \
         `control stop` and `control start` bring the new one"
    )
}

/// After packages were installed.
pub(crate) fn environment_changed(prepared: &Prepared) -> String {
    let second = prepared.websocket.iter().map(|second| second.server().name());
    let mut servers = vec![prepared.app.server().name()];
    servers.extend(second.filter(|name| *name != prepared.app.server().name()));
    format!("The environment is ready: Python {}, {}", prepared.python, servers.join(", "))
}

/// When static files were collected that are no part of the site.
pub(crate) fn static_url_is_no_place(url: &str) -> String {
    format!(
        "The static files were collected, and nginx does not serve them: STATIC_URL is {url:?}. \
         It serves those below a path such as /static/"
    )
}

/// Before the `release:` line of a Procfile is run.
pub(crate) fn releasing(line: &Process) -> String {
    format!("Release ({FILE}, line {}): {}", line.line, line.command)
}

/// After the first start of a new application.
pub(crate) fn installed(server: &str) -> String {
    format!(
        "Your application is served by {server}. Another server: set OPENSHIFT_PYTHON_SERVER to {} \
         and restart",
        SERVER.allowed
    )
}

/// After an upgrade; a person reads it in the log of the upgrade.
/// What runs was not stopped for it when the versions are compatible, and is of the old one.
pub(crate) fn upgraded(upgrade: &Upgrade, runs: bool) -> String {
    let restart = if runs { ". A restart puts all of it into effect" } else { "" };
    format!("Upgraded from {} to {}{restart}", upgrade.from, upgrade.to)
}

/// `update` of an application that does not run.
pub(crate) fn nginx_when_started(wanted: &str) -> String {
    format!("Application is stopped. When it is started, {wanted} is used")
}

/// `update` with nothing to do.
pub(crate) fn nginx_is_current(running: &str) -> String {
    format!("{running} is running, and no other would be used now")
}

/// `update`, before it takes another nginx over.
pub(crate) fn nginx_is_another(running: &str, wanted: &str) -> String {
    format!("{running} is running, {wanted} would be used now")
}

/// `update`, when it has.
pub(crate) fn nginx_was_replaced(wanted: &str) -> String {
    format!("{wanted} has taken over, and the port stayed open")
}

/// `update`, where the supervisor does not have nginx's port.
pub(crate) fn nginx_holds_its_port(running: &str) -> String {
    format!(
        "{running} goes on: its supervisor was killed, and it holds its port alone. \
         Stop and start the app to change it"
    )
}

/// When the figures cannot be told to Prometheus.
pub(crate) fn no_metrics(error: &dyn std::fmt::Display) -> String {
    format!("The app serves, but its figures are not told at OPENSHIFT_NGINX_METRICS_PATH: {error}")
}

/// `threaddump`.
pub(crate) fn stacks(server: &str, stacks: &[ProcessStacks], log: &str) -> String {
    let answers =
        |process: &&ProcessStacks| matches!(process.answer, Answer::Shown(_) | Answer::Dumped(_));
    let shown = stacks.iter().filter(answers).count();
    let mut text = format!(
        "{server}: stacks of {shown} of {} processes; they are in {log}, too\n",
        stacks.len()
    );
    for ProcessStacks { pid, command, answer } in stacks {
        let (note, stack) = match answer {
            Answer::Shown(stack) => ("", stack.as_str()),
            Answer::Dumped(stack) => (
                ": its main thread runs no Python code now, so this was seen from outside",
                stack.as_str(),
            ),
            Answer::Silent => (": did not answer; it may be stopped", ""),
            Answer::TooLate => (": not asked any more, the others took too long", ""),
            Answer::NotAsked => (": not asked, it is not one of the server's own", ""),
        };
        text.extend(["\nProcess ", &pid.to_string(), " (", command, ")", note, "\n"]);
        if !stack.is_empty() {
            text.extend([stack, "\n"]);
        }
    }
    text
}

/// After `tidy`.
pub(crate) fn tidied(bytes: u64) -> String {
    format!("Logs emptied: {} KiB freed", bytes.div_ceil(1024))
}

/// What a person is told of an error.
#[must_use]
pub fn explain(error: &Error) -> String {
    match error {
        Error::AppServer { server, failure, is_second, log, before } => {
            app_server(server, failure, *is_second, log.as_str(), *before)
        }
        Error::NginxService { failure } => nginx_service(failure),
        Error::LastGoodServes { error, server, date, has_code } => {
            last_good::serves(&explain(error), server, date, *has_code)
        }
        Error::LastGoodFailed { error, server, date, also } => {
            last_good::failed(&explain(error), server, date, &explain(also))
        }
        Error::Release { line, last, error } => release(line, last.as_deref(), error),
        other => other.to_string(),
    }
}

fn release(line: &Process, last: Option<&str>, error: &RunError) -> String {
    let how = match error {
        RunError::Failed { status, .. } => format!("it ended with {status}"),
        RunError::TimedOut { seconds, .. } => format!("it did not end within {seconds} seconds"),
        RunError::NotStarted { why, .. } => format!("it could not be started: {why}"),
    };
    let last = last.map(|last| format!(" ({last})")).unwrap_or_default();
    format!(
        "The release failed: {how}{last}\n\
         The new code was not started. The line is {FILE}:{}: {}\n\
         Mend what it printed above, and deploy again",
        line.line, line.command
    )
}

fn app_server(
    server: &str,
    failure: &Failure,
    is_second: bool,
    log: &str,
    before: Before,
) -> String {
    let (which, variable) = match is_second {
        true => ("its second server, ", websocket::SERVER.name),
        false => ("", SERVER.name),
    };
    let import = match failure {
        Failure::NoAnswer { last_lines, .. } => endless_import(last_lines),
        Failure::Ended { last_lines, .. } => said_by_launcher(last_lines),
        _ => None,
    };
    let interface = Interface::found_by_launcher(failure.last_lines());
    let other_servers = interface.map(|interface| {
        format!("For {interface} apps set {}. The server's log is", able(variable, interface))
    });
    let remedy = match failure {
        _ if let Some(remedy) = &other_servers => remedy,
        Failure::Ended { .. } => "Mend what the lines above say and try again; all of them are in",
        Failure::NoAnswer { .. } if import.is_some() => {
            "The app's file must come to its end: what serves, waits or works for long does not \
             belong at its top level, but into functions, or below `if __name__ == \"__main__\":`, \
             for the cartridge serves what the file defines. If it only needs longer, set \
             OPENSHIFT_PYTHON_START_TIMEOUT (seconds). The server's log is"
        }
        Failure::NoAnswer { .. } => {
            "If the app needs longer to start, set OPENSHIFT_PYTHON_START_TIMEOUT (seconds). \
             The server's log is"
        }
        Failure::WrongStatus { .. } => {
            "Mend that page, or name one that must work with OPENSHIFT_PYTHON_PROBE_PATH, or the \
             statuses that are fine with OPENSHIFT_PYTHON_PROBE_STATUS. The server's log is"
        }
        _ => "The server's log is",
    };
    let lines: String = failure.last_lines().iter().map(|line| format!("  | {line}\n")).collect();
    let serving = match before {
        Before::Serves => "What ran before still serves.\n",
        Before::Fails | Before::Nothing => "",
    };
    let import = import.map(|told| format!(": {told}")).unwrap_or_default();
    format!(
        "The application does not start: {which}{server}: {failure}{import}\n\
         {lines}{serving}{remedy} {log}"
    )
}

/// What a launcher said of the app when it gave up, without its own name in front.
fn said_by_launcher(last_lines: &[String]) -> Option<String> {
    last_lines.iter().rev().find_map(|line| {
        let (launcher, reason) = line.split_once(".py: ")?;
        launcher.starts_with("serve_").then(|| reason.to_owned())
    })
}

fn nginx_service(failure: &Failure) -> String {
    let remedy = match failure {
        Failure::AddressTaken { .. } => "Stop what listens there, or give the gear another address",
        Failure::NoAnswer { .. } => {
            "If you have an nginx.conf.erb, it must contain \
             `listen <%= ENV['OPENSHIFT_ADVANCED_PYTHON_IP'] %>:<%= ENV['OPENSHIFT_ADVANCED_PYTHON_PORT'] %>;`"
        }
        _ => "nginx's log is logs/nginx-error.log in the cartridge's directory",
    };
    let lines: String = failure.last_lines().iter().map(|line| format!("  | {line}\n")).collect();
    format!("nginx does not start: {failure}\n{lines}{remedy}")
}

fn title(service: &str) -> &str {
    match service {
        APPSERVER => "The Python server",
        WEBSOCKETSERVER => "The second Python server",
        NGINX => "nginx",
        other => other,
    }
}

#[cfg(test)]
mod tests;
