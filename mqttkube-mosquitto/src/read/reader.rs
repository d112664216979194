//! Line by line, with the same current listener, bridge and plugin that Mosquitto keeps.

use crate::connection::BridgeOptions;
use crate::directive::{has_effect, nearest, plugin_option};
use crate::listener::{ListenerOptions, Security};
use crate::setting::{Address, Name, Setting, Taken, Text, ValueError, first_word, trim_blanks};
use crate::{Connection, Listener, ListenerAddress, Plugin, PluginKind, Port, TopicRule};

use super::{Document, Entry, Problem, ProblemKind, Section};

/// Where the last plugin was put, for the options behind it.
#[derive(Clone, Copy)]
enum PluginPlace {
    Broker,
    Default,
    Listener(usize),
}

#[derive(Default)]
pub(super) struct Reader {
    document: Document,
    line: usize,
    plugin: Option<PluginPlace>,
}

/// A value that could not be taken; the caller knows line and directive.
struct Refused {
    kind: ProblemKind,
    message: String,
    help: String,
}

impl From<ValueError> for Refused {
    fn from(error: ValueError) -> Self {
        Self {
            kind: ProblemKind::Value,
            message: error.to_string(),
            help: "correct the value".to_owned(),
        }
    }
}

impl Reader {
    pub(super) fn read(mut self, text: &str) -> Document {
        for (index, line) in text.split('\n').enumerate() {
            self.line = index + 1;
            let line = line.trim_end_matches('\r');
            if !line.starts_with('#') {
                self.read_line(line);
            }
        }
        self.document
    }

    fn read_line(&mut self, line: &str) {
        let line = line.trim_start_matches(' ');
        if line.is_empty() {
            return;
        }
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        if key.starts_with('#') {
            let message = "a comment must begin at the first character of its line".to_owned();
            self.problem(
                ProblemKind::IndentedComment,
                message,
                "remove the blanks before `#`",
            );
        } else if let Some((key, _)) = key.split_once('\t') {
            let message =
                format!("there is a tab behind `{key}`, which Mosquitto takes for a part of the name");
            self.problem(
                ProblemKind::Tab,
                message,
                "put a blank between directive and value",
            );
        } else {
            self.directive(key, value);
        }
    }

    fn directive(&mut self, key: &str, value: &str) {
        let taken = self.dispatch(key, value);
        let section = self.section(key);
        let entry = Entry {
            line: self.line,
            section,
            key: key.to_owned(),
            value: value.to_owned(),
        };
        self.document.entries.push(entry);
        match taken {
            Ok(Some(taken)) => self.remark(key, value, taken),
            Ok(None) => {}
            Err(refused) => {
                let message = match refused.kind {
                    ProblemKind::Unknown | ProblemKind::Misplaced => refused.message,
                    _ => format!("`{key}`: {}", refused.message),
                };
                self.problem(refused.kind, message, &refused.help);
            }
        }
    }

    fn dispatch(&mut self, key: &str, value: &str) -> Result<Option<Taken>, Refused> {
        match key {
            "listener" => return self.listener(value).map(|()| None),
            "connection" => return self.connection(value).map(|()| None),
            "address" | "addresses" => return self.address(key, value).map(|()| None),
            "topic" => return self.topic(value).map(Some),
            "port" => {
                self.document.config.default_listener.port = Some(Port::read(value)?);
                return Ok(None);
            }
            "bind_address" => {
                self.document.config.default_listener.bind_address = Some(Text::read(value)?);
                return Ok(None);
            }
            "include_dir" => {
                self.document.config.include_dirs.push(Text::read(value)?);
                return Ok(None);
            }
            "plugin" | "auth_plugin" | "global_plugin" | "plugin_load" => {
                return self.plugin(key, value).map(|()| None);
            }
            "auth_plugin_deny_special_chars" => return self.deny_special_chars(value).map(|()| None),
            "per_listener_settings" => self.check_late_switch(value),
            _ => {}
        }
        if let Some(option) = plugin_option(key) {
            return self.plugin_option(option, value).map(|()| None);
        }
        self.field(key, value)
    }

    fn field(&mut self, key: &str, value: &str) -> Result<Option<Taken>, Refused> {
        if BridgeOptions::KEYS.contains(&key) {
            let bridge = self.bridge(key)?;
            return Ok(bridge.options.take(key, value).transpose()?);
        }
        if Security::KEYS.contains(&key) {
            return Ok(self.security().take(key, value).transpose()?);
        }
        if ListenerOptions::KEYS.contains(&key) {
            let config = &mut self.document.config;
            let options = match config.listeners.last_mut() {
                Some(listener) => &mut listener.options,
                None => &mut config.default_listener.options,
            };
            return Ok(options.take(key, value).transpose()?);
        }
        if let Some(taken) = self.document.config.global.take(key, value) {
            return Ok(Some(taken?));
        }
        if has_effect(key) {
            return Err(unknown(key));
        }
        let message = format!("`{key}` is read and does nothing");
        self.problem(ProblemKind::NoEffect, message, "remove the line");
        Ok(None)
    }

    fn listener(&mut self, value: &str) -> Result<(), Refused> {
        let mut words = value.split(' ').filter(|word| !word.is_empty());
        let port = words.next().ok_or(ValueError::Missing)?;
        let place = words.next().filter(|word| !word.starts_with('#'));
        let place = place.map(Name::new).transpose().map_err(ValueError::from)?;
        let address = match (port, place) {
            ("0", None) => {
                let reason = "port 0 needs the path of a socket behind it".to_owned();
                return Err(ValueError::Other { reason }.into());
            }
            ("0", Some(path)) => ListenerAddress::Unix { path },
            (port, host) => ListenerAddress::Tcp {
                port: Port::read(port)?,
                host,
            },
        };
        self.document.config.listeners.push(Listener::new(address));
        Ok(())
    }

    fn connection(&mut self, value: &str) -> Result<(), Refused> {
        let name = Name::read(value)?;
        let taken = self
            .document
            .config
            .connections
            .iter()
            .any(|connection| connection.name == name);
        self.document
            .config
            .connections
            .push(Connection::new(name, Vec::new(), Vec::new()));
        if taken {
            let reason = "another connection has the same name".to_owned();
            return Err(ValueError::Other { reason }.into());
        }
        Ok(())
    }

    fn address(&mut self, key: &str, value: &str) -> Result<(), Refused> {
        let bridge = self.bridge(key)?;
        if !bridge.addresses.is_empty() {
            let reason = "a bridge has one such line; all addresses stand on it".to_owned();
            return Err(ValueError::Other { reason }.into());
        }
        let words = value
            .split(' ')
            .filter(|word| !word.is_empty())
            .take_while(|word| !word.starts_with('#'));
        let addresses = words.map(str::parse).collect::<Result<Vec<Address>, _>>()?;
        if addresses.is_empty() {
            return Err(ValueError::Missing.into());
        }
        bridge.addresses = addresses;
        Ok(())
    }

    fn topic(&mut self, value: &str) -> Result<Taken, Refused> {
        let bridge = self.bridge("topic")?;
        bridge.rules.push(TopicRule::read(value)?);
        let ignored_from = value.len() - TopicRule::ignored(value).len();
        Ok(Taken {
            replaced: false,
            ignored_from,
            rest_of_line: false,
        })
    }

    fn plugin(&mut self, key: &str, value: &str) -> Result<(), Refused> {
        let (kind, path) = match key {
            "auth_plugin" => (PluginKind::AuthPlugin, value),
            "global_plugin" => (PluginKind::Global, value),
            "plugin_load" => {
                let name = first_word(value)?;
                let path = &value.trim_start_matches(' ')[name.len()..];
                (
                    PluginKind::Named(Name::new(name).map_err(ValueError::from)?),
                    path,
                )
            }
            _ => (PluginKind::Plugin, value),
        };
        let everywhere = matches!(kind, PluginKind::Global | PluginKind::Named(_));
        let plugin = Plugin {
            kind,
            path: Text::read(path)?,
            options: Vec::new(),
            deny_special_chars: None,
        };
        let place = if everywhere {
            PluginPlace::Broker
        } else {
            self.security_place()
        };
        self.security_at(place).plugins.push(plugin);
        self.plugin = Some(place);
        Ok(())
    }

    fn plugin_option(&mut self, option: &str, value: &str) -> Result<(), Refused> {
        let option = Name::new(option).map_err(ValueError::from)?;
        let value = Text::read(value)?;
        self.last_plugin()?.options.push((option, value));
        Ok(())
    }

    fn deny_special_chars(&mut self, value: &str) -> Result<(), Refused> {
        let value = bool::read(value)?;
        self.last_plugin()?.deny_special_chars = Some(value);
        Ok(())
    }

    fn last_plugin(&mut self) -> Result<&mut Plugin, Refused> {
        let place = self.plugin.ok_or_else(|| Refused {
            kind: ProblemKind::Misplaced,
            message: "an option of a plugin stands before any plugin".to_owned(),
            help: "move the line behind the `plugin` line that it is for".to_owned(),
        })?;
        Ok(self
            .security_at(place)
            .plugins
            .last_mut()
            .expect("a place is kept only of a plugin that is there"))
    }

    fn bridge(&mut self, key: &str) -> Result<&mut Connection, Refused> {
        self.document
            .config
            .connections
            .last_mut()
            .ok_or_else(|| Refused {
                kind: ProblemKind::Misplaced,
                message: format!("`{key}` stands before any `connection`"),
                help: "move the line behind the `connection` line that it is for".to_owned(),
            })
    }

    fn security_place(&self) -> PluginPlace {
        let config = &self.document.config;
        match (config.per_listener(), config.listeners.len()) {
            (false, _) => PluginPlace::Broker,
            (true, 0) => PluginPlace::Default,
            (true, count) => PluginPlace::Listener(count - 1),
        }
    }

    fn security(&mut self) -> &mut Security {
        self.security_at(self.security_place())
    }

    fn security_at(&mut self, place: PluginPlace) -> &mut Security {
        let config = &mut self.document.config;
        match place {
            PluginPlace::Broker => &mut config.security,
            PluginPlace::Default => &mut config.default_listener.security,
            PluginPlace::Listener(index) => &mut config.listeners[index].security,
        }
    }

    fn section(&self, key: &str) -> Section {
        let config = &self.document.config;
        let bridge = matches!(key, "connection" | "address" | "addresses" | "topic")
            || BridgeOptions::KEYS.contains(&key);
        let security = Security::KEYS.contains(&key) && config.per_listener();
        let listener = key == "listener" || security || ListenerOptions::KEYS.contains(&key);
        match (config.connections.len(), config.listeners.len()) {
            (count, _) if bridge && count > 0 => Section::Connection(count - 1),
            (_, count) if listener && count > 0 => Section::Listener(count - 1),
            _ => Section::Broker,
        }
    }

    /// Written out as it is by default, it changes nothing wherever it stands.
    fn check_late_switch(&mut self, value: &str) {
        let config = &self.document.config;
        let stays_off = !config.per_listener() && matches!(value.trim(), "false" | "0");
        if !config.security.is_empty() && !stays_off {
            let message = "settings about clients stand before `per_listener_settings`, which decides whom they are for";
            self.problem(
                ProblemKind::LateSwitch,
                message.to_owned(),
                "make it the first line of the file",
            );
        }
    }

    fn remark(&mut self, key: &str, value: &str, taken: Taken) {
        if taken.replaced {
            let message = format!("`{key}` was given before; the earlier line does nothing");
            self.problem(ProblemKind::Replaced, message, "keep one of the two lines");
        }
        let ignored = &value[taken.ignored_from..];
        if !ignored.is_empty() && !ignored.starts_with('#') {
            let message = format!("`{key}`: the end of the line is not looked at: {ignored:?}");
            self.problem(ProblemKind::Ignored, message, "remove it, or begin it with `#`");
        }
        if taken.rest_of_line {
            self.remark_on_text(key, value);
        }
    }

    fn remark_on_text(&mut self, key: &str, value: &str) {
        if trim_blanks(value) != value {
            let message = format!("`{key}`: the blanks around the value are cut off");
            self.problem(ProblemKind::Trimmed, message, "remove the blanks");
        }
        if value.contains(" #") {
            let message =
                format!("`{key}`: the value runs to the end of the line, so the comment is part of it");
            self.problem(
                ProblemKind::CommentInValue,
                message,
                "put the comment on its own line",
            );
        }
    }

    fn problem(&mut self, kind: ProblemKind, message: String, help: &str) {
        self.document.problems.push(Problem {
            line: self.line,
            kind,
            message,
            help: help.to_owned(),
        });
    }
}

fn unknown(key: &str) -> Refused {
    let help = match nearest(key) {
        Some(near) => format!("write `{near}`"),
        None => "remove the line".to_owned(),
    };
    Refused {
        kind: ProblemKind::Unknown,
        message: format!("`{key}` is no directive of Mosquitto"),
        help,
    }
}
