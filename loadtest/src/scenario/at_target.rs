//! The server a run goes against: somebody's, or one of the tester's own; with the keys for it.

use std::path::{Path, PathBuf};

use http::HeaderValue;

use crate::client::{Client, Target};
use crate::failure::Failure;
use crate::keys::{Keys, bearer};
use crate::operator::Operator;
use crate::own_server::{self, OwnServer};
use crate::report::Report;
use crate::verdict::Verdict;

/// As asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Where {
    /// Somebody's server; without it one is started.
    pub target: Option<String>,
    /// The data folder of an own server, and where the disk is probed.
    pub data: Option<PathBuf>,
    /// Keys other than those of the environment, for tests.
    pub keys: Option<Keys>,
    /// The program of an own server; without it `ONSALE_BIN`, or the one beside the tester.
    pub server: Option<PathBuf>,
}

/// A server that is ready.
#[derive(Debug)]
pub struct AtTarget {
    /// Its address.
    pub target: Target,
    /// The credential of the web shop.
    pub web_key: HeaderValue,
    /// The credential of the phone desk, or the web shop's.
    pub phone_key: HeaderValue,
    /// Where the disk is probed.
    pub probe_in: PathBuf,
    /// The own server, if it is one.
    pub own: Option<OwnServer>,
    operator_key: HeaderValue,
}

impl AtTarget {
    /// Finds or starts the server.
    pub async fn reach(place: &Where, needs_operator: bool) -> Result<Self, Failure> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (keys, own) = match (&place.target, &place.keys) {
            (Some(_), Some(keys)) => (keys.clone(), None),
            (Some(_), None) => (Keys::given(environment, needs_operator)?, None),
            (None, _) => {
                let keys = Keys::made_up();
                let program = place.server.clone().map_or_else(own_server::find, Ok)?;
                let own = OwnServer::start(program, &keys, place.data.as_deref()).await?;
                (keys, Some(own))
            }
        };
        let url = match (&own, &place.target) {
            (Some(own), _) => own.url(),
            (None, target) => target.clone().unwrap_or_default(),
        };
        let probe_in = match (&own, &place.data) {
            (Some(own), _) => own.data().to_owned(),
            (None, Some(data)) => data.clone(),
            (None, None) => std::env::temp_dir(),
        };
        let web_key = bearer(&keys.server)?;
        Ok(Self {
            target: Target::parse(&url)?,
            phone_key: keys.phone.as_deref().map_or(Ok(web_key.clone()), bearer)?,
            operator_key: keys.operator.as_deref().map_or(Ok(web_key.clone()), bearer)?,
            web_key,
            probe_in,
            own,
        })
    }

    /// What it comes to: of a run that missed nothing nothing is kept, and a failure of a server that has died is its death.
    pub fn end(mut self, outcome: Result<Report, Failure>) -> Result<Report, Failure> {
        match (outcome, &mut self.own) {
            (Ok(report), Some(own)) if report.verdict != Verdict::Missed => {
                own.discard_data();
                Ok(report)
            }
            (Err(failure), _) => Err(self.the_cause(failure)),
            (outcome, _) => outcome,
        }
    }

    /// A server that does not answer may have died: then that is what there is to say.
    pub fn the_cause(&mut self, failure: Failure) -> Failure {
        match self.own.as_mut().map(OwnServer::still_runs) {
            Some(Err(death)) if !failure.is_of_the_server() => death,
            _ => failure,
        }
    }

    /// Somebody who sets up and reads books: with the operator key if there is one, else the shop's.
    pub fn operator(&self) -> Operator {
        Operator::new(Client::new(&self.target, 8), self.operator_key.clone(), &self.target.url)
    }

    /// Somebody who reads as the shop.
    pub fn shop(&self) -> Operator {
        Operator::new(Client::new(&self.target, 8), self.web_key.clone(), &self.target.url)
    }

    /// The folder the disk is probed in.
    pub fn probe_in(&self) -> &Path {
        &self.probe_in
    }
}
