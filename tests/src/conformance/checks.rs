//! The checks.

mod app;
mod http;
mod life;
mod limits;
mod others;
mod processes;
mod streams;

pub use streams::parts_arrive;

use cart_python::interface::Interface;
use cart_python::server::Ability;

use super::{Check, Length, Stage};
use crate::autobahn;
use crate::way::Way;

/// All of them, in the order in which they are played on one gear.
pub const CHECKS: &[Check] = &[
    short("start", "it proves itself within the limit of a start, and serves", life::start),
    long("proof", "a successor that cannot start, or hangs, replaces nobody", life::proof),
    short("HEAD", "HEAD has the headers of GET and no body", http::head),
    short("no body", "204 and 304 have no body, and the next answer is whole", http::no_body),
    short("100-continue", "who asks whether to send his body is told so", http::asks_to_continue),
    short("HTTP/1.0", "an old client gets what it can read", http::old_client),
    short("upload", "a body of 20 MB reaches the app whole", http::upload),
    short("chunked upload", "so does one whose length nobody knows", http::chunked_upload),
    short("slow clients", "who reads and sends slowly keeps nobody waiting", http::slow_clients),
    short("ranges", "ranges are the app's to answer", http::ranges),
    short("paths", "encoded and unicode paths reach the app as they are", http::paths),
    short("streams", "each part of an answer arrives when the app has it", streams::streams)
        .unless(|way| way.cannot(Ability::Streams)),
    short("events", "so do server-sent events, whatever the client accepts", streams::events)
        .unless(|way| way.cannot(Ability::Streams)),
    short("limits", "what nginx lets through, the server takes", limits::requests),
    short("long header", "also a header of a megabyte", limits::long_header)
        .unless(|way| way.cannot(Ability::LongHeaders)),
    short("many headers", "also thousands of headers", limits::many_headers)
        .unless(|way| way.cannot(Ability::ManyHeaders)),
    short("long URL", "also a URL of a megabyte", limits::long_url).unless(limits::no_long_urls),
    short("answer's limit", "of headers that nginx does not take, the log tells", limits::answers)
        .unless(|way| way.cannot(Ability::LongHeaders)),
    short("cookies", "two Cookie headers are one", app::cookies),
    short("client", "the app is told client, scheme and host as nginx knows them", app::client),
    short("strangers", "nobody else is believed who he says he is", app::strangers),
    short("environment", "the gear's variables, the repository as directory", app::environment),
    short("output", "stdout and stderr are in the log", app::output),
    short("exceptions", "500 for the client, the traceback in the log only", app::exceptions),
    short("lifespan", "the app is told of its start and its end", app::lifespan)
        .unless(|way| wsgi(way, "WSGI apps are told nothing of start and end")),
    short("WebSockets", "messages come back, long ones, too", others::websockets)
        .unless(|way| way.cannot(Ability::WebSockets)),
    short("threaddump", "every process shows where it is, and serves on", processes::threaddump),
    short("workers", "as many as were asked for, and all serve", processes::workers)
        .unless(one_process),
    short("own worker", "a client stays with one, if that is wished", processes::own_worker)
        .unless(one_process),
    short("figures", "they say what is in its hands, and how many workers", processes::figures),
    short("backlog", "as many may wait for it as for any other server", processes::backlog),
    short("killed", "after kill -9 no GET is lost, and no orphan is left", processes::killed),
    short(
        "killed worker",
        "after kill -9 of a worker another one serves",
        processes::killed_worker,
    )
    .unless(one_process),
    short("TERM", "who is replaced finishes what it has in hand, and ends well", life::term),
    short("stop", "so does who is stopped, and nothing is left", life::stop),
    long("restart", "a restart under load loses nothing", life::restart),
    long("switch", "nor do switches to each other server and back", life::switch),
    long("512 MB", "a gear of this size bears restarts under load", processes::little_memory)
        .unless(processes::no_limit),
    own_gear("desync", "nothing that one visitor does reaches another", others::desync),
    own_gear(
        "protocol",
        "WebSockets keep to RFC 6455: a part of Autobahn's cases",
        others::protocol,
    )
    .unless(autobahn::not_ours),
];

/// The check of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.name == name)
}

impl Check {
    const fn unless(mut self, impossible: fn(&Way) -> Option<String>) -> Self {
        self.impossible = impossible;
        self
    }
}

const fn short(name: &'static str, about: &'static str, play: fn(&Stage)) -> Check {
    Check { name, about, length: Length::Short, impossible: |_| None, play }
}

const fn own_gear(name: &'static str, about: &'static str, play: fn(&Stage)) -> Check {
    Check { length: Length::OwnGear, ..short(name, about, play) }
}

const fn long(name: &'static str, about: &'static str, play: fn(&Stage)) -> Check {
    Check { length: Length::Long, ..short(name, about, play) }
}

fn wsgi(way: &Way, why: &str) -> Option<String> {
    (way.interface() == Interface::Wsgi).then(|| why.to_owned())
}

fn one_process(way: &Way) -> Option<String> {
    (!way.backend().has_workers()).then(|| "it is one process".to_owned())
}
