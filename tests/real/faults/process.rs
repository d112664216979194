//! Row 31: the end of the program itself.

use std::time::Duration;

use mqttkube_tests::wait::scale;

use super::scenario::{Setup, impossible, lasting_broker};
use crate::api_server::shared;

#[tokio::test]
async fn fault_31_restarts_of_the_program_under_load_lose_nothing() {
    if impossible() {
        return;
    }
    let setup = Setup::new("fault_31", lasting_broker(), shared().await).await;
    let mut row = setup.start().await;
    let mut longest = Duration::ZERO;
    for _ in 0..10 * scale() {
        row.commands(20).await;
        longest = longest.max(row.program.terminate().await);
        row.program.start_again();
        row.program.ready().await;
    }
    println!(
        "fault-31: ended at most {:.2} s after SIGTERM",
        longest.as_secs_f64()
    );

    row.commands(20).await;
    let process = row.program.process();
    process.terminate();
    process.terminate();
    process.ended(Duration::from_secs(2)).await.unwrap();
    row.program.kill();
    row.program.start_again();
    row.program.ready().await;

    for _ in 0..scale() {
        row.commands(20).await;
        row.program.kill();
        row.program.start_again();
        let recovered = row.program.ready().await;
        row.recovered(recovered).await;
    }
    let figures = row.finish().await;
    assert_eq!(figures.sent, figures.received as u64);
}
