//! ICE-lite for one transport (RFC 8445 §2.5, §7.3, RFC 7675): which addresses passed a check, which one is used, consent.
//!
//! Only checks that authenticated come here. The first valid tuple is used until another is nominated; traffic moves
//! there once an SRTP packet authenticates from it or a second check (a new transaction id) arrives, so that one
//! replayed or overheard check moves nothing. Every check is consent; without one for 30 s nothing more is sent until
//! a check with restarted credentials.

use std::net::SocketAddr;
use std::time::Duration;

use rheon_engine_wire::stun::IntegrityKey;

use crate::caps::MAX_TUPLES;
use crate::now::Now;
use crate::parameters::IceCredentials;

/// Consent expires after this (RFC 7675 §5.1).
pub(crate) const CONSENT: Duration = Duration::from_secs(30);

/// A tuple is its transport's for this long after a check: peers check at least every six seconds (RFC 7675 §5.1).
const HOLD: Duration = Duration::from_secs(10);

/// A pair of addresses: our socket's and the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tuple {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// What matters of an authenticated binding request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) transaction_id: [u8; 12],
    /// USE-CANDIDATE, or a nomination value.
    pub(crate) nominates: bool,
    /// Renomination value; the highest wins.
    pub(crate) nomination: Option<u32>,
    /// It used the current credentials, not those from before a restart.
    pub(crate) current: bool,
}

/// What a check led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Eight tuples are in use: the check is to be ignored.
    Full,
    /// The tuple is valid.
    Valid {
        /// It was not before.
        new: bool,
        /// This one had to go for it.
        evicted: Option<Tuple>,
        /// First check of these credentials.
        connected: bool,
    },
}

#[derive(Debug)]
struct Known {
    tuple: Tuple,
    checked: Now,
}

#[derive(Debug)]
struct Credentials {
    ufrag: String,
    key: IntegrityKey,
}

#[derive(Debug)]
struct Nominated {
    tuple: Tuple,
    transaction_id: [u8; 12],
}

/// State of one transport's ICE agent.
#[derive(Debug)]
pub(crate) struct Ice {
    current: Credentials,
    /// From before a restart; valid until the first check with `current`.
    former: Option<Credentials>,
    /// A check with `current` arrived.
    confirmed: bool,
    tuples: Vec<Known>,
    selected: Option<Tuple>,
    nominated: Option<Nominated>,
    highest_nomination: Option<u32>,
    consent: Option<Now>,
    lost: bool,
}

impl Ice {
    pub(crate) fn new(credentials: IceCredentials) -> Self {
        Self {
            current: Credentials::new(credentials),
            former: None,
            confirmed: false,
            tuples: Vec::new(),
            selected: None,
            nominated: None,
            highest_nomination: None,
            consent: None,
            lost: false,
        }
    }

    /// Restart. Returns the user fragment that is no longer valid, if one is.
    pub(crate) fn restart(&mut self, credentials: IceCredentials) -> Option<String> {
        let replaced = std::mem::replace(&mut self.current, Credentials::new(credentials));
        // Credentials never used are dropped in favour of those the peer still knows.
        if std::mem::replace(&mut self.confirmed, false) || self.former.is_none() {
            self.former.replace(replaced).map(|former| former.ufrag)
        } else {
            Some(replaced.ufrag)
        }
    }

    /// Key of the credentials with this user fragment, and whether they are the current ones.
    pub(crate) fn key(&self, ufrag: &[u8]) -> Option<(&IntegrityKey, bool)> {
        if self.current.ufrag.as_bytes() == ufrag {
            return Some((&self.current.key, true));
        }
        self.former
            .as_ref()
            .filter(|former| former.ufrag.as_bytes() == ufrag)
            .map(|former| (&former.key, false))
    }

    /// User fragments now valid.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.current)
            .chain(self.former.as_ref())
            .map(|credentials| credentials.ufrag.as_str())
    }

    /// The first check with the current credentials makes those from before the restart invalid.
    pub(crate) fn take_superseded(&mut self) -> Option<String> {
        if self.confirmed {
            self.former.take().map(|former| former.ufrag)
        } else {
            None
        }
    }

    /// An authenticated check arrived from a tuple.
    pub(crate) fn check(&mut self, now: Now, tuple: Tuple, check: Check) -> Outcome {
        let mut evicted = None;
        let known = self.tuples.iter_mut().find(|known| known.tuple == tuple);
        let new = known.is_none();
        if let Some(known) = known {
            known.checked = now;
        } else {
            if self.tuples.len() >= MAX_TUPLES {
                let Some(stale) = self.stale(now) else {
                    return Outcome::Full;
                };
                evicted = Some(self.tuples.swap_remove(stale).tuple);
                if self.nominated.as_ref().map(|nominated| nominated.tuple) == evicted {
                    self.nominated = None;
                }
            }
            self.tuples.push(Known { tuple, checked: now });
        }
        let connected = check.current && !self.confirmed;
        if connected {
            self.confirmed = true;
            self.highest_nomination = None;
            if std::mem::replace(&mut self.lost, false) {
                self.selected = None;
            }
        }
        if !self.lost {
            self.consent = Some(now);
        }
        self.selected.get_or_insert(tuple);
        self.nominate(tuple, check);
        Outcome::Valid {
            new,
            evicted,
            connected,
        }
    }

    fn nominate(&mut self, tuple: Tuple, check: Check) {
        let pending = self
            .nominated
            .as_ref()
            .filter(|nominated| nominated.tuple == tuple);
        if pending.is_some_and(|nominated| nominated.transaction_id != check.transaction_id) {
            self.move_to(tuple);
        }
        let outranked = check
            .nomination
            .is_some_and(|value| self.highest_nomination.is_some_and(|highest| value < highest));
        if !check.nominates || outranked {
            return;
        }
        if check.nomination.is_some() {
            self.highest_nomination = check.nomination;
        }
        if self.selected == Some(tuple) {
            self.nominated = None;
        } else if self
            .nominated
            .as_ref()
            .is_none_or(|nominated| nominated.tuple != tuple)
        {
            self.nominated = Some(Nominated {
                tuple,
                transaction_id: check.transaction_id,
            });
        }
    }

    /// An SRTP or SRTCP packet authenticated from a tuple: a nomination of it is confirmed.
    #[inline]
    pub(crate) fn authenticated_from(&mut self, tuple: Tuple) {
        if self
            .nominated
            .as_ref()
            .is_some_and(|nominated| nominated.tuple == tuple)
        {
            self.move_to(tuple);
        }
    }

    fn move_to(&mut self, tuple: Tuple) {
        self.selected = Some(tuple);
        self.nominated = None;
    }

    /// It passed a check on this tuple lately: no other transport may take the tuple.
    pub(crate) fn holds(&self, tuple: Tuple, now: Now) -> bool {
        self.tuples
            .iter()
            .any(|known| known.tuple == tuple && now.since(known.checked) < HOLD)
    }

    /// A tuple not in use and not checked for so long that its consent would have expired.
    fn stale(&self, now: Now) -> Option<usize> {
        self.tuples
            .iter()
            .enumerate()
            .filter(|(_, known)| self.selected != Some(known.tuple) && now.since(known.checked) >= CONSENT)
            .min_by_key(|(_, known)| known.checked)
            .map(|(index, _)| index)
    }

    /// Where to send; `None` before the first check and after consent was lost.
    #[inline]
    pub(crate) fn destination(&self) -> Option<Tuple> {
        if self.lost { None } else { self.selected }
    }

    /// When consent expires.
    pub(crate) fn consent_due(&self) -> Option<Now> {
        if self.lost {
            None
        } else {
            self.consent.map(|consent| consent + CONSENT)
        }
    }

    /// True once, when consent has expired.
    pub(crate) fn expire(&mut self, now: Now) -> bool {
        let expired = self.consent_due().is_some_and(|due| due <= now);
        self.lost |= expired;
        expired
    }

    pub(crate) fn tuples(&self) -> impl ExactSizeIterator<Item = Tuple> + '_ {
        self.tuples.iter().map(|known| known.tuple)
    }
}

impl Credentials {
    fn new(credentials: IceCredentials) -> Self {
        Self {
            key: IntegrityKey::new(credentials.pwd.as_bytes()),
            ufrag: credentials.ufrag,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(ufrag: &str) -> IceCredentials {
        IceCredentials {
            ufrag: ufrag.into(),
            pwd: "password-of-enough-length".into(),
        }
    }

    fn tuple(port: u16) -> Tuple {
        Tuple {
            local: ([192, 0, 2, 1], 40_000).into(),
            remote: ([198, 51, 100, 1], port).into(),
        }
    }

    fn check(id: u8, nominates: bool) -> Check {
        Check {
            transaction_id: [id; 12],
            nominates,
            nomination: None,
            current: true,
        }
    }

    fn at(seconds: u64) -> Now {
        Now::from_millis(seconds * 1000)
    }

    #[test]
    fn first_valid_tuple_is_used_until_another_is_nominated_and_confirmed() {
        let mut ice = Ice::new(credentials("a"));
        assert_eq!(ice.destination(), None);
        assert_eq!(
            ice.check(at(0), tuple(1), check(1, false)),
            Outcome::Valid {
                new: true,
                evicted: None,
                connected: true
            }
        );
        ice.check(at(0), tuple(2), check(2, false));
        assert_eq!(ice.destination(), Some(tuple(1)));
        ice.check(at(0), tuple(2), check(3, true));
        ice.check(at(0), tuple(2), check(3, true));
        assert_eq!(
            ice.destination(),
            Some(tuple(1)),
            "the same transaction again confirms nothing"
        );
        ice.check(at(1), tuple(2), check(4, false));
        assert_eq!(ice.destination(), Some(tuple(2)));
    }

    #[test]
    fn media_confirms_a_nomination() {
        let mut ice = Ice::new(credentials("a"));
        ice.check(at(0), tuple(1), check(1, true));
        ice.check(at(0), tuple(2), check(2, true));
        ice.authenticated_from(tuple(1));
        assert_eq!(ice.destination(), Some(tuple(1)));
        ice.authenticated_from(tuple(2));
        assert_eq!(ice.destination(), Some(tuple(2)));
    }

    #[test]
    fn nominating_the_tuple_in_use_takes_a_pending_nomination_back() {
        let mut ice = Ice::new(credentials("a"));
        ice.check(at(0), tuple(1), check(1, true));
        ice.check(at(0), tuple(2), check(2, true));
        ice.check(at(0), tuple(1), check(3, true));
        ice.authenticated_from(tuple(2));
        assert_eq!(ice.destination(), Some(tuple(1)));
    }

    #[test]
    fn a_lower_nomination_value_is_ignored() {
        let mut ice = Ice::new(credentials("a"));
        let nomination = |id, value| Check {
            nomination: Some(value),
            ..check(id, true)
        };
        ice.check(at(0), tuple(1), nomination(1, 5));
        ice.check(at(0), tuple(2), nomination(2, 4));
        ice.authenticated_from(tuple(2));
        assert_eq!(ice.destination(), Some(tuple(1)));
        ice.check(at(0), tuple(2), nomination(3, 6));
        ice.authenticated_from(tuple(2));
        assert_eq!(ice.destination(), Some(tuple(2)));
    }

    #[test]
    fn consent_expires_once_and_only_a_restart_revives() {
        let mut ice = Ice::new(credentials("a"));
        ice.check(at(0), tuple(1), check(1, true));
        ice.check(at(10), tuple(1), check(2, true));
        assert!(!ice.expire(at(39)));
        assert!(ice.expire(at(40)));
        assert!(!ice.expire(at(41)));
        ice.check(at(42), tuple(1), check(3, true));
        assert_eq!(ice.destination(), None);
        assert_eq!(ice.restart(credentials("b")), None);
        ice.check(at(43), tuple(3), check(4, true));
        assert_eq!(ice.destination(), Some(tuple(3)));
        assert_eq!(ice.take_superseded().as_deref(), Some("a"));
    }

    #[test]
    fn restart_keeps_the_credentials_in_use() {
        let mut ice = Ice::new(credentials("a"));
        ice.check(at(0), tuple(1), check(1, true));
        assert_eq!(ice.restart(credentials("b")), None);
        assert_eq!(ice.restart(credentials("c")).as_deref(), Some("b"));
        assert!(ice.key(b"a").is_some() && ice.key(b"b").is_none() && ice.key(b"c").is_some());
        ice.check(
            at(1),
            tuple(1),
            Check {
                current: false,
                ..check(2, true)
            },
        );
        assert_eq!(ice.take_superseded(), None);
        ice.check(at(1), tuple(1), check(3, true));
        assert_eq!(ice.take_superseded().as_deref(), Some("a"));
        assert!(ice.key(b"a").is_none());
    }

    #[test]
    fn eight_tuples_and_room_again_when_one_is_stale() {
        let mut ice = Ice::new(credentials("a"));
        for port in 1..=8 {
            ice.check(at(0), tuple(port), check(1, false));
        }
        assert_eq!(ice.check(at(1), tuple(9), check(1, false)), Outcome::Full);
        for port in 3..=8 {
            ice.check(at(20), tuple(port), check(2, false));
        }
        let outcome = ice.check(at(31), tuple(9), check(3, false));
        assert_eq!(
            outcome,
            Outcome::Valid {
                new: true,
                evicted: Some(tuple(2)),
                connected: false
            }
        );
        assert_eq!(ice.tuples().len(), 8);
    }
}
