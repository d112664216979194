//! Calls to the API server: each sent once, each with a deadline, so many at a time and no more.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use kube::Client;
use kube::client::Body;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{answer, request};
use crate::event::{ApiOutcome, Refusal, Request};
use crate::ids::JobId;

/// The largest answer to a call, in bytes. Objects have at most some 1.5 MiB.
const MAX_ANSWER: usize = 16 << 20;

/// The calls in flight.
pub(super) struct Calls {
    client: Client,
    manager: Arc<str>,
    slots: Arc<Semaphore>,
    running: JoinSet<(JobId, ApiOutcome)>,
}

impl Calls {
    /// At most `at_once` requests are on their way together. Further ones wait without a bound of their own: the
    /// engine starts no more calls than the session lets commands in.
    pub(super) fn new(client: Client, manager: &str, at_once: usize) -> Self {
        let slots = Arc::new(Semaphore::new(at_once));
        Self {
            client,
            manager: manager.into(),
            slots,
            running: JoinSet::new(),
        }
    }

    /// Starts a call. Its deadline counts from when its turn has come.
    pub(super) fn start(&mut self, job: JobId, request: Request, deadline: Duration) {
        let (client, manager, slots) = (
            self.client.clone(),
            Arc::clone(&self.manager),
            Arc::clone(&self.slots),
        );
        self.running.spawn(async move {
            let turn = slots.acquire().await;
            let outcome = call(&client, &request, &manager, deadline).await;
            drop(turn);
            (job, outcome)
        });
    }

    /// The next call that ends; waits for ever while there is none.
    pub(super) async fn next(&mut self) -> (JobId, ApiOutcome) {
        match self.running.join_next().await {
            Some(Ok(ended)) => ended,
            // A call has no panic of its own and nobody aborts it before the end of the loop.
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }

    /// Ends all calls and waits for their tasks.
    pub(super) async fn stop(mut self) {
        self.running.shutdown().await;
    }
}

async fn call(client: &Client, request: &Request, manager: &str, deadline: Duration) -> ApiOutcome {
    let built = match request::build(request, manager) {
        Ok(built) => built,
        Err(message) => {
            let reason = "BadRequest".to_owned();
            return ApiOutcome::Refused(Refusal {
                code: 400,
                reason,
                message,
                retry_after: None,
            });
        }
    };
    match timeout(deadline, ask(client, built)).await {
        Ok(outcome) => answer::about(request, outcome),
        Err(_) => answer::unreachable(format!("no answer within {deadline:?}")),
    }
}

async fn ask(client: &Client, request: http::Request<Vec<u8>>) -> ApiOutcome {
    let answer = match client.send(request.map(Body::from)).await {
        Ok(answer) => answer,
        Err(error) => return answer::unreachable(chain(&error)),
    };
    let (head, body) = answer.into_parts();
    match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => answer::classify(head.status, &head.headers, &body.to_bytes()),
        Err(error) => answer::unreachable(format!("the answer broke off: {}", chain(&*error))),
    }
}

/// An error with its causes on one line. Causes that their parent quotes already are left out.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}
