//! `cloud-bridge demo`: the main job with everything embedded, told to somebody who sees it for the first time.

mod house;
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use mqttkube_examples::signals::Signals;
use mqttkube_tests::fake_cloud::Tally;

use self::house::House;
use self::stage::Stage;

/// Messages each way in the story.
const EACH_WAY: u64 = 1_000;

/// Changes of the token that the story waits for.
const ROLLOVERS: u64 = 5;

/// A step that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(15);

/// Carry messages to a cloud and back while its password ends every 5 seconds, with both brokers inside this program.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Tell the story once and end: status 0 when nothing was lost.
    #[arg(long)]
    pub(crate) once: bool,
}

/// Runs the demo and says with which status the program ends.
///
/// # Errors
/// When something cannot be started, or the story does not go as it should.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(play(args.once))
}

async fn play(once: bool) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let stage = Stage::set().await?;
    println!("{}", stage.introduction());
    let house = House::connect(stage.local()).await?;
    let good = tokio::select! {
        told = story(&stage, &house) => told?,
        () = signals.next() => return Ok(ExitCode::FAILURE),
    };
    let undisturbed = house.disconnections() == 0;
    house.close().await?;
    if !once {
        println!("{}", stage.invitation());
        signals.next().await;
    }
    stage.end().await?;
    Ok(if good && undisturbed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Traffic both ways over several tokens; whether nothing was lost.
async fn story(stage: &Stage, house: &House) -> Result<bool> {
    println!("Readings go up and commands come down, about 50 a second. Each line is a new token:\n");
    println!("      at   token  readings at the cloud  commands at home");
    let mut pace = tokio::time::interval(Duration::from_millis(19));
    let (mut sent, mut shown) = (0, 0);
    while sent < EACH_WAY || stage.rollovers() < ROLLOVERS {
        pace.tick().await;
        house.report(sent).await?;
        stage.command(sent);
        sent += 1;
        if stage.tokens() > shown {
            shown = stage.tokens();
            let (up, down) = (stage.arrived().distinct, house.arrived().distinct);
            println!("{:>6.1} s {shown:>7} {up:>22} {down:>17}", stage.seconds());
        }
        if stage.seconds() > 90.0 {
            anyhow::bail!("the token was not renewed in time: {:?}", stage.counts());
        }
    }
    // What is still on its way arrives; what was lost does not.
    let end = tokio::time::Instant::now() + PATIENCE;
    while (stage.arrived().distinct < sent || house.arrived().distinct < sent)
        && tokio::time::Instant::now() < end
    {
        pace.tick().await;
    }
    Ok(account(stage, house, sent))
}

/// Prints what became of all messages; whether that is as promised.
fn account(stage: &Stage, house: &House, sent: u64) -> bool {
    let row = |name: &str, tally: Tally| {
        let lost = sent - tally.distinct;
        println!(
            "      {name:<18} {sent:>6} {:>10} {lost:>6} {:>11}",
            tally.distinct, tally.duplicates
        );
        lost == 0 && tally.inversions == 0
    };
    println!("\n                           sent  delivered   lost  duplicates");
    let up = row("home to cloud", stage.arrived());
    let down = row("cloud to home", house.arrived());
    let counts = stage.counts();
    println!(
        "\nThe cloud let {} tokens in and saw no connection outlive its token: {}.",
        counts.connections,
        if counts.outlived == 0 {
            format!(
                "the shortest rest was {:.1} s",
                counts.least_left.unwrap_or_default() as f64 / 1_000.0
            )
        } else {
            format!("wrong, {} did", counts.outlived)
        }
    );
    println!(
        "Clients at home noticed nothing: the local broker was never restarted, and nobody was disconnected."
    );
    println!(
        "A duplicate is a message whose acknowledgement was still under way when the connection changed."
    );
    up && down && counts.outlived == 0
}
