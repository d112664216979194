//! What goes wrong in the body of an answer.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Response, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::time::Instant;
use tower::BoxError;

use super::Body;

#[derive(Clone, Debug)]
pub(super) enum StreamFault {
    End { lines: usize },
    EndAfter { time: Duration },
    Drop { lines: usize },
    Cut { lines: usize },
    Silent { lines: usize },
    Error { lines: usize, event: Bytes },
    Slow { bytes: usize, pause: Duration },
}

/// The body as it is read: first as lines, then with what the fault makes of them.
struct Disturbed {
    body: Body,
    fault: StreamFault,
    /// The begin of a line whose end has not come yet.
    rest: BytesMut,
    ready: VecDeque<Bytes>,
    passed: usize,
    over: bool,
    ended: bool,
    end: Option<Instant>,
}

/// Makes the fault happen to the body of an answer.
pub(super) fn disturb(response: Response<Body>, fault: StreamFault) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    // A shorter body with the old length would be noticed for another reason than the one under test.
    parts.headers.remove(header::CONTENT_LENGTH);
    let end = match &fault {
        StreamFault::EndAfter { time } => Some(Instant::now() + *time),
        _ => None,
    };
    let state = Disturbed {
        body,
        fault,
        rest: BytesMut::new(),
        ready: VecDeque::new(),
        passed: 0,
        over: false,
        ended: false,
        end,
    };
    let frames = futures::stream::unfold(state, async |mut state| {
        let piece = state.next().await?;
        Some((piece.map(Frame::data), state))
    });
    Response::from_parts(parts, StreamBody::new(frames).boxed_unsync())
}

impl Disturbed {
    async fn next(&mut self) -> Option<Result<Bytes, BoxError>> {
        if self.over {
            return None;
        }
        if let StreamFault::Slow { bytes, pause } = self.fault {
            return self.slowly(bytes, pause).await;
        }
        let line = match self.end {
            Some(end) => tokio::time::timeout_at(end, self.line()).await.ok().flatten()?,
            None => self.line().await?,
        };
        let Ok(line) = line else { return Some(line) };
        self.passed += 1;
        let limit = match &self.fault {
            StreamFault::End { lines }
            | StreamFault::Drop { lines }
            | StreamFault::Cut { lines }
            | StreamFault::Silent { lines }
            | StreamFault::Error { lines, .. } => *lines,
            StreamFault::EndAfter { .. } | StreamFault::Slow { .. } => usize::MAX,
        };
        if self.passed <= limit {
            return Some(Ok(line));
        }
        self.over = true;
        match &self.fault {
            StreamFault::Drop { .. } => Some(Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "injected by the test",
            )
            .into())),
            StreamFault::Cut { .. } => Some(Ok(line.slice(..line.len() / 2))),
            StreamFault::Silent { .. } => std::future::pending().await,
            StreamFault::Error { event, .. } => Some(Ok(event.clone())),
            StreamFault::End { .. } | StreamFault::EndAfter { .. } | StreamFault::Slow { .. } => None,
        }
    }

    async fn slowly(&mut self, bytes: usize, pause: Duration) -> Option<Result<Bytes, BoxError>> {
        if self.rest.is_empty() {
            let line = self.line().await?;
            let Ok(line) = line else { return Some(line) };
            self.ready.push_front(line);
        }
        let mut line = self.ready.pop_front()?;
        tokio::time::sleep(pause).await;
        let piece = line.split_to(bytes.min(line.len()));
        if !line.is_empty() {
            self.ready.push_front(line);
        }
        Some(Ok(piece))
    }

    /// The next line with its end; the last one may have none.
    async fn line(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(Ok(line));
            }
            if self.ended {
                return None;
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                None => {
                    self.ended = true;
                    let last = self.rest.split().freeze();
                    return (!last.is_empty()).then_some(Ok(last));
                }
            }
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                self.ready.push_back(self.rest.split_to(end + 1).freeze());
            }
        }
    }
}
