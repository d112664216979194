//! An explanation for people.

use std::fmt;

use mqttkube_mapping::Step;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Explained, ExplainedPublish, ExplainedRequest, Explanation, Outcome};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return f.write_str("no item of any binding is concerned");
        }
        for (position, item) in self.items.iter().enumerate() {
            let gap = if position == 0 { "" } else { "\n" };
            write!(f, "{gap}{item}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}[{}]", self.binding, self.item, self.index)?;
        if let Some(at) = &self.at {
            write!(f, "  ({at})")?;
        }
        writeln!(f)?;
        for step in &self.steps {
            writeln!(f, "  {}", Line(step))?;
        }
        writeln!(f, "  => {}", self.conclusion())
    }
}

impl Explained {
    fn conclusion(&self) -> String {
        match (&self.request, &self.publish) {
            (Some(request), _) => request.to_string(),
            (None, Some(publish)) => publish.to_string(),
            (None, None) => match (&self.error, self.outcome) {
                (Some(error), _) => format!("nothing is done: {error}"),
                (None, Outcome::Miss) => "nothing is done: no entry of the map takes the value".to_owned(),
                (None, Outcome::Ignored) => "nothing is done".to_owned(),
                (None, _) => "nothing is done: the mapping failed".to_owned(),
            },
        }
    }
}

impl fmt::Display for ExplainedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(subresource) = self.subresource {
            write!(f, "/{subresource}")?;
        }
        write!(f, " ")?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)?;
        self.body
            .as_ref()
            .map_or(Ok(()), |body| write!(f, " with {body}"))
    }
}

impl fmt::Display for ExplainedPublish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retained = if self.retain { ", retained" } else { "" };
        match self.payload.as_str() {
            "" => write!(
                f,
                "publish an empty payload on {} (QoS {}{retained})",
                self.topic, self.qos
            ),
            payload => write!(
                f,
                "publish {payload:?} on {} (QoS {}{retained})",
                self.topic, self.qos
            ),
        }
    }
}

/// One step on one line: `map        "ON" -> 1    the value equals the key`.
struct Line<'a>(&'a Step);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step {
            kind,
            source,
            input,
            output,
            matched,
            why,
            ..
        } = self.0;
        let mark = if *matched { "yes" } else { "no " };
        write!(f, "{mark} {:<9} {source:?}: {input}", kind.name())?;
        if let Some(output) = output {
            write!(f, " -> {output}")?;
        }
        write!(f, "  ({why})")
    }
}

/// The steps in the stable shape for programs.
pub(super) fn steps<S: Serializer>(steps: &[Step], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shape<'a> {
        step: &'static str,
        source: &'a str,
        input: &'a Value,
        output: Option<&'a Value>,
        matched: bool,
        why: &'a str,
    }
    serializer.collect_seq(steps.iter().map(|step| Shape {
        step: step.kind.name(),
        source: &step.source,
        input: &step.input,
        output: step.output.as_ref(),
        matched: step.matched,
        why: &step.why,
    }))
}
