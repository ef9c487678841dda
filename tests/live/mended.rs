//! A proxy in front of ministack that remembers what ministack forgets, so that Terraform reads what AWS would answer.

use std::{
    collections::HashMap,
    io::{self, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::{acls::Acls, proxy::Message};

/// What ministack is told by a call, and leaves out of its answers, or answers in another way than it was told.
struct Forgotten {
    /// The call that tells it, the parameter that names the object, and the one that is forgotten.
    told: (&'static str, &'static str, &'static str),
    /// The call that asks, the element that names the object, and the one that is missing or wrong.
    shown: (&'static str, &'static str, &'static str),
}

const FORGOTTEN: [Forgotten; 7] = [
    // It takes every user that `AuthenticationMode` describes for one without a password.
    Forgotten { told: ("CreateUser", "UserId", "AuthenticationMode.Type"), shown: ("DescribeUsers", "UserId", "Type") },
    // It leaves these out.
    Forgotten {
        told: ("CreateReplicationGroup", "ReplicationGroupId", "NetworkType"),
        shown: ("DescribeReplicationGroups", "ReplicationGroupId", "NetworkType"),
    },
    Forgotten {
        told: ("CreateReplicationGroup", "ReplicationGroupId", "IpDiscovery"),
        shown: ("DescribeReplicationGroups", "ReplicationGroupId", "IpDiscovery"),
    },
    Forgotten {
        told: ("CreateReplicationGroup", "ReplicationGroupId", "KmsKeyId"),
        shown: ("DescribeReplicationGroups", "ReplicationGroupId", "KmsKeyId"),
    },
    // A network of these tests has one flow log.
    Forgotten {
        told: ("CreateFlowLogs", "ResourceId.1", "DeliverLogsPermissionArn"),
        shown: ("DescribeFlowLogs", "resourceId", "deliverLogsPermissionArn"),
    },
    Forgotten {
        told: ("CreateFlowLogs", "ResourceId.1", "MaxAggregationInterval"),
        shown: ("DescribeFlowLogs", "resourceId", "maxAggregationInterval"),
    },
    // It tells this of the group, and not of the group's nodes, as which Terraform reads it.
    Forgotten {
        told: ("CreateReplicationGroup", "ReplicationGroupId", "AutoMinorVersionUpgrade"),
        shown: ("DescribeCacheClusters", "ReplicationGroupId", "AutoMinorVersionUpgrade"),
    },
];

/// What was told.
#[derive(Default)]
struct Memory {
    /// By the place in [`FORGOTTEN`] and the object.
    values: HashMap<(usize, String), String>,
    acls: Acls,
}

/// Starts a proxy in front of `upstream`. Its threads end with the connections, and with the process.
pub(crate) fn mended(upstream: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let memory = Arc::new(Mutex::<Memory>::default());
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let memory = memory.clone();
            // A connection that ends is what a client does.
            thread::spawn(move || serve(client, upstream, &memory).ok());
        }
    });
    address
}

/// Passes on what comes over one connection.
fn serve(mut client: TcpStream, upstream: SocketAddr, memory: &Mutex<Memory>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::new(client.try_clone()?);
    let mut upstream = TcpStream::connect(upstream)?;
    upstream.set_nodelay(true)?;
    let mut from_upstream = BufReader::new(upstream.try_clone()?);
    loop {
        let request = Message::read(&mut from_client)?;
        upstream.write_all(&request.bytes())?;
        let answer = Message::read(&mut from_upstream)?;
        let form = form(&String::from_utf8_lossy(&request.body));
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let mended = {
            let mut memory = memory.lock().unwrap();
            memory.remember(&request.action(), &form, &text);
            memory.mend(&request.action(), &form, text)
        };
        client.write_all(&answer.with_body(mended.into_bytes()).bytes())?;
    }
}

impl Memory {
    fn remember(&mut self, action: &str, form: &HashMap<String, String>, answer: &str) {
        for (number, Forgotten { told: (told_by, object, parameter), .. }) in FORGOTTEN.iter().enumerate() {
            if let (true, Some(object), Some(value)) = (action == *told_by, form.get(*object), form.get(*parameter)) {
                // AWS answers with another word than it takes.
                let value = value.replace("no-password-required", "no-password");
                self.values.insert((number, object.clone()), value);
            }
        }
        self.acls.remember(action, form, answer);
    }

    /// The answer as AWS would give it.
    fn mend(&self, action: &str, form: &HashMap<String, String>, mut text: String) -> String {
        for (number, Forgotten { shown: (shown_by, object, element), .. }) in FORGOTTEN.iter().enumerate() {
            if action == *shown_by {
                text = each(&text, &format!("<{object}>"), |part| {
                    let name = part.split('<').next().unwrap_or_default().to_owned();
                    match self.values.get(&(number, name)) {
                        Some(value) => with_element(part, &format!("</{object}>"), element, value),
                        None => part.to_owned(),
                    }
                });
            }
        }
        match action {
            // It answers with all parameters, whichever were asked for.
            "DescribeCacheParameters" if form.get("Source").is_some_and(|source| source == "user") => of_users(&text),
            "DescribeNetworkAcls" => self.acls.mend(form, &text),
            _ => text,
        }
    }
}

/// The parameters that users have set, of all.
fn of_users(text: &str) -> String {
    let mut parts = text.split("<Parameter>");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (parameter, rest) = part.split_once("</Parameter>").unwrap();
        if parameter.contains("<Source>user</Source>") {
            kept += &format!("<Parameter>{parameter}</Parameter>");
        }
        kept += rest;
    }
    kept
}

/// The text with every part that follows a `mark` changed.
fn each(text: &str, mark: &str, change: impl Fn(&str) -> String) -> String {
    let mut parts = text.split(mark);
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        changed += mark;
        changed += &change(part);
    }
    changed
}

/// The part with `value` in its `element`, which is added behind `place` where there is none.
fn with_element(part: &str, place: &str, element: &str, value: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    match (part.find(&open), part.find(&close)) {
        (Some(begin), Some(end)) => format!("{}{open}{value}{}", &part[..begin], &part[end..]),
        _ => part.replacen(place, &format!("{place}{open}{value}{close}"), 1),
    }
}

/// The parameters of a form. Of the characters that a form spells in another way, the values that matter here have those of an
/// ARN.
fn form(body: &str) -> HashMap<String, String> {
    body.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.replace("%3A", ":").replace("%2F", "/")))
        .collect()
}
