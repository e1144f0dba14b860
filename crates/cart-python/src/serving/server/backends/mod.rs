//! The servers themselves, a file each: what it needs installed, how it is started and what it can do.

pub(super) mod cheroot;
pub(super) mod custom;
pub(super) mod gevent;
pub(super) mod granian;
pub(crate) mod gunicorn;
pub(super) mod hypercorn;
pub(super) mod tornado;
pub(super) mod uvicorn;
pub(super) mod uwsgi;
pub(super) mod waitress;
pub(super) mod wsgiref;
