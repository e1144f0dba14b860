//! How what is handed over is written: descriptors by their numbers in the next program, moments by
//! their distance from now.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use cart_core::inherited;
use rustix::io::{FdFlags, fcntl_setfd};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

thread_local! {
    /// Descriptors that the next program inherits: copies, so that nothing has changed if it does not
    /// start.
    static COPIES: RefCell<Vec<OwnedFd>> = const { RefCell::new(Vec::new()) };
}

/// The number that `fd` has in the next program, which inherits it from now on.
pub(crate) fn number(fd: impl AsFd) -> io::Result<i32> {
    let copy = fd.as_fd().try_clone_to_owned()?;
    fcntl_setfd(&copy, FdFlags::empty())?;
    let number = copy.as_raw_fd();
    COPIES.with_borrow_mut(|copies| copies.push(copy));
    Ok(number)
}

/// There is no next program after all.
pub(crate) fn take_back() {
    COPIES.take();
}

/// A descriptor that is handed over with whatever holds it.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor(Rc<OwnedFd>);

impl From<OwnedFd> for Descriptor {
    fn from(fd: OwnedFd) -> Self {
        Self(Rc::new(fd))
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Only for a handover: from then on, until [`take_back`], whatever is started inherits a copy.
impl Serialize for Descriptor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(self).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i32::deserialize(deserializer)?;
        inherited::take(number).map(Self::from).map_err(de::Error::custom)
    }
}

/// A moment to come: how many milliseconds from now, in the next program as in this one.
pub(crate) mod from_now {
    use std::time::{Duration, Instant};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
        let left = at.saturating_duration_since(Instant::now()).as_millis();
        u64::try_from(left).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(moment: D) -> Result<Instant, D::Error> {
        let left = u64::deserialize(moment)?.min(u64::from(u32::MAX));
        Ok(Instant::now() + Duration::from_millis(left))
    }
}

/// As [`from_now`], if there is such a moment.
pub(crate) mod from_now_if_any {
    use std::time::Instant;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Moment(#[serde(with = "super::from_now")] Instant);

    pub(crate) fn serialize<S: Serializer>(
        at: &Option<Instant>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Moment).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        moment: D,
    ) -> Result<Option<Instant>, D::Error> {
        Ok(Option::<Moment>::deserialize(moment)?.map(|Moment(at)| at))
    }
}

/// A moment in the past: how many milliseconds ago; at most as long ago as the clock knows.
pub(crate) mod ago {
    use std::time::{Duration, Instant};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
        u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(moment: D) -> Result<Instant, D::Error> {
        let (now, passed) = (Instant::now(), u64::deserialize(moment)?);
        Ok(now.checked_sub(Duration::from_millis(passed)).unwrap_or(now))
    }
}
