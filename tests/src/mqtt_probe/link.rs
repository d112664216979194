//! The two tasks of a connection, and what they share with the probe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqtt5::Packet;
use mqtt5::packet::disconnect::DisconnectPacket;
use mqtt5::packet::puback::PubAckPacket;
use mqtt5::packet::subscribe::SubscribePacket;
use mqtt5::types::ReasonCode;
use tokio::sync::{mpsc, oneshot, watch};

use super::message::Message;
use crate::wire::{Reader, Writer};

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Raised with every message and at the end of the connection.
    pub(super) changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) messages: Vec<Message>,
    /// Who waits for the answer to a packet of ours: the reason codes in it.
    pub(super) answers: HashMap<u16, oneshot::Sender<Vec<u8>>>,
    pub(super) next_id: u16,
    /// Why the connection ended.
    pub(super) end: Option<String>,
}

/// What the connection is to send.
pub(super) enum Write {
    Publish(Message, u16),
    Subscribe(SubscribePacket),
    Ack(u16),
    Disconnect,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            changed: watch::Sender::new(0),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, why: String) {
        let mut state = self.state();
        state.end.get_or_insert(why);
        state.answers.clear();
        drop(state);
        self.changed.send_modify(|count| *count += 1);
    }
}

/// Sends what is queued, until the connection ends.
pub(super) async fn write(
    mut writer: Writer,
    mut queue: mpsc::UnboundedReceiver<Write>,
    shared: Arc<Shared>,
) {
    while let Some(write) = queue.recv().await {
        let done = match write {
            Write::Publish(message, id) => writer.send(&message.packet(id)).await,
            Write::Subscribe(packet) => writer.send(&packet).await,
            Write::Ack(id) => writer.send(&PubAckPacket::new(id)).await,
            Write::Disconnect => {
                // The broker may be gone already.
                let _ = writer.send(&DisconnectPacket::new(ReasonCode::Success)).await;
                return shared.end("disconnected".to_owned());
            }
        };
        if let Err(error) = done {
            return shared.end(error.to_string());
        }
    }
}

/// Takes in what comes, until the connection ends.
pub(super) async fn read(
    mut reader: Reader,
    writes: mpsc::UnboundedSender<Write>,
    shared: Arc<Shared>,
    no_acks: bool,
) {
    let why = loop {
        match reader.receive().await {
            Ok(Packet::Publish(packet)) => {
                let id = packet.packet_id.filter(|_| !no_acks);
                shared.state().messages.push(packet.into());
                shared.changed.send_modify(|count| *count += 1);
                if let Some(id) = id {
                    // An error means that the connection ends, which the next read shows.
                    let _ = writes.send(Write::Ack(id));
                }
            }
            Ok(Packet::PubAck(packet)) => answer(&shared, packet.packet_id, vec![packet.reason_code.into()]),
            Ok(Packet::SubAck(packet)) => {
                let codes = packet.reason_codes.iter().map(|code| *code as u8).collect();
                answer(&shared, packet.packet_id, codes);
            }
            Ok(Packet::Disconnect(packet)) => {
                break format!("disconnected by the broker: {:?}", packet.reason_code);
            }
            Ok(_) => {}
            Err(error) => break error.to_string(),
        }
    };
    shared.end(why);
}

fn answer(shared: &Shared, id: u16, codes: Vec<u8>) {
    if let Some(waiting) = shared.state().answers.remove(&id) {
        // Who asked may have given up.
        let _ = waiting.send(codes);
    }
}
