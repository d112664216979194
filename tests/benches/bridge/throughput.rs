//! How fast each way carries messages at QoS 1, while they are published and when they have queued up, from local to cloud
//! and back.

use std::time::Instant;

use anyhow::Result;
use mqttkube_tests::process::Mosquitto;
use tokio::runtime::Runtime;

use crate::figure::{Figure, Limit, median};
use crate::stage::{Lane, Small, Stage, Way};
use crate::wire::Link;

/// Rounds that count; one more before them warms up.
const ROUNDS: usize = 15;
const MESSAGES: usize = 20_000;
const PAYLOAD: [u8; 64] = [b'x'; 64];

/// Messages per second, `Way::BOTH`.
type Rates = [f64; 2];

pub(crate) fn measure(runtime: &Runtime, small: Small) -> Result<Vec<Figure>> {
    let relay = Stage::start(runtime, "{mode: relay}", small)?;
    let names = |lane| match lane {
        Lane::Out => [
            "relay against a bridge of Mosquitto, QoS 1 as published",
            "the same, queued before",
        ],
        Lane::In => [
            "the same from cloud to local, as published",
            "the same from cloud to local, queued before",
        ],
    };
    let mut figures = Vec::new();
    for lane in [Lane::Out, Lane::In] {
        figures.extend(compare(&relay, lane, names(lane))?);
    }
    Ok(figures)
}

fn compare(stage: &Stage, lane: Lane, names: [&'static str; 2]) -> Result<[Figure; 2]> {
    let (mut live, mut queued, mut limits) = (Vec::new(), Vec::new(), Vec::new());
    let before = stage.relay_time();
    for _ in 0..=ROUNDS {
        limits.push(direct(stage)?);
        live.push(rates(|way| flowing(stage, lane, way))?);
        queued.push(rates(|way| waiting(stage, lane, way))?);
    }
    let spent = (stage.relay_time() - before).as_secs_f64() * 1e6 / (MESSAGES * 2 * (ROUNDS + 1)) as f64;
    let limit = median(limits[1..].iter().copied());
    let [first, second] = names;
    let figure = |name, rounds: &[Rates]| {
        let of = |index: usize| median(rounds[1..].iter().map(|rates| rates[index]));
        let ratio = median(rounds[1..].iter().map(|rates| rates[1] / rates[0]));
        let parts = format!(
            "native {:.0}/s, stock {:.0}/s, one broker alone {limit:.0}/s, {spent:.1} us of the relay's time each",
            of(1),
            of(0)
        );
        Figure::new(name, ratio, "x", Limit::AtLeast(0.9), parts)
    };
    Ok([figure(first, &live), figure(second, &queued)])
}

fn rates(mut measure: impl FnMut(Way) -> Result<f64>) -> Result<Rates> {
    let mut rates = [0.0; 2];
    for (rate, way) in rates.iter_mut().zip(Way::BOTH) {
        *rate = measure(way)?;
    }
    Ok(rates)
}

/// From the first PUBLISH to the last arrival, over one broker and no bridge.
fn direct(stage: &Stage) -> Result<f64> {
    let mut receiver = Link::connect(stage.cloud.address(), "receiver")?;
    receiver.subscribe("direct", 0)?;
    let address = stage.cloud.address();
    carried(receiver, move || {
        Link::connect(address, "sender")?.publish("direct", &PAYLOAD, MESSAGES)
    })
}

/// Source and destination of a lane.
fn ends(stage: &Stage, lane: Lane) -> (&Mosquitto, &Mosquitto) {
    match lane {
        Lane::Out => (&stage.local, &stage.cloud),
        Lane::In => (&stage.cloud, &stage.local),
    }
}

/// The same from broker to broker.
fn flowing(stage: &Stage, lane: Lane, way: Way) -> Result<f64> {
    let (source, destination) = ends(stage, lane);
    let topic = way.topic(lane);
    let mut receiver = Link::connect(destination.address(), "receiver")?;
    receiver.subscribe(topic, 0)?;
    let address = source.address();
    carried(receiver, move || {
        Link::connect(address, "sender")?.publish(topic, &PAYLOAD, MESSAGES)
    })
}

fn carried(mut receiver: Link, send: impl FnOnce() -> Result<()> + Send + 'static) -> Result<f64> {
    let start = Instant::now();
    let sender = std::thread::spawn(send);
    let end = receiver.receive(MESSAGES)?;
    sender.join().expect("the sender does not panic")?;
    Ok(MESSAGES as f64 / (end - start).as_secs_f64())
}

/// From the moment when a destination that stood still goes on, to the last arrival. Everything waits at the source.
fn waiting(stage: &Stage, lane: Lane, way: Way) -> Result<f64> {
    let (source, destination) = ends(stage, lane);
    let topic = way.topic(lane);
    let mut receiver = Link::connect(destination.address(), "receiver")?;
    receiver.subscribe(topic, 0)?;
    destination.pause();
    let sent = Link::connect(source.address(), "sender")?.publish(topic, &PAYLOAD, MESSAGES);
    destination.resume();
    let start = Instant::now();
    sent?;
    let end = receiver.receive(MESSAGES)?;
    Ok(MESSAGES as f64 / (end - start).as_secs_f64())
}
