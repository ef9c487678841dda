//! What can happen on the way to AWS and back: a proxy that counts the writes, and lets one of them go wrong.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// What happens to a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It has its effect, and the connection ends instead of an answer.
    Unanswered,
    /// The service fails before the effect.
    FailsBefore,
    /// The service fails after the effect.
    FailsAfter,
    /// There were too many calls.
    Throttled,
    /// It has its effect, and there is no answer until whoever asked is gone.
    Held,
}

/// A proxy in front of an endpoint. Its threads end with the connections, and with the process.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    held: Receiver<()>,
}

struct Shared {
    upstream: SocketAddr,
    /// The number of the write, from 1, and what happens to it.
    fault: Option<(usize, Fault)>,
    /// The actions of all writes so far.
    writes: Mutex<Vec<String>>,
}

impl Proxy {
    pub(crate) fn start(upstream: SocketAddr, fault: Option<(usize, Fault)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { upstream, fault, writes: Mutex::default() });
        let (sender, held) = channel();
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (shared, sender) = (accepting.clone(), sender.clone());
                // A connection that ends is what a client does, and what some faults do.
                thread::spawn(move || serve(client, &shared, &sender).ok());
            }
        });
        Self { address, shared, held }
    }

    /// The actions of all writes so far.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.shared.writes.lock().unwrap().clone()
    }

    /// Waits for the write that is held. False if it does not come.
    pub(crate) fn wait_until_held(&self, limit: Duration) -> bool {
        self.held.recv_timeout(limit).is_ok()
    }
}

/// Passes on what comes over one connection.
fn serve(mut client: TcpStream, shared: &Shared, held: &Sender<()>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::new(client.try_clone()?);
    let mut upstream = TcpStream::connect(shared.upstream)?;
    upstream.set_nodelay(true)?;
    let mut from_upstream = BufReader::new(upstream.try_clone()?);
    loop {
        let request = Message::read(&mut from_client)?;
        let fault = shared.note(&request.action());
        if matches!(fault, Some(Fault::FailsBefore | Fault::Throttled)) {
            client.write_all(&request.refusal(fault == Some(Fault::Throttled)))?;
            continue;
        }
        upstream.write_all(&request.bytes())?;
        let answer = Message::read(&mut from_upstream)?;
        match fault {
            Some(Fault::Unanswered) => return Ok(()),
            Some(Fault::Held) => {
                // Nobody may listen any more.
                held.send(()).ok();
                from_client.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
            Some(_) => client.write_all(&request.refusal(false))?,
            None => client.write_all(&answer.bytes())?,
        }
    }
}

impl Shared {
    /// Counts a call, if it is a write; what happens to it.
    fn note(&self, action: &str) -> Option<Fault> {
        if ["Describe", "List", "Get"].iter().any(|read| action.starts_with(read)) {
            return None;
        }
        let mut writes = self.writes.lock().unwrap();
        writes.push(action.to_owned());
        self.fault.filter(|(number, _)| *number == writes.len()).map(|(_, fault)| fault)
    }
}

/// A request or an answer.
pub(crate) struct Message {
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if from.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut message = Self { head, body: Vec::new() };
        let length = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        message.body.resize(length, 0);
        from.read_exact(&mut message.body)?;
        Ok(message)
    }

    /// The same with another body.
    pub(crate) fn with_body(&self, body: Vec<u8>) -> Self {
        let is_length = |line: &&str| line.to_ascii_lowercase().starts_with("content-length:");
        let mut head: String =
            self.head.trim_end().split("\r\n").filter(|line| !is_length(line)).collect::<Vec<_>>().join("\r\n");
        head += &format!("\r\nContent-Length: {}\r\n\r\n", body.len());
        Self { head, body }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// The name of the call: in a header of services that speak JSON, in the form of the others.
    pub(crate) fn action(&self) -> String {
        if let Some(target) = self.header("x-amz-target") {
            return target.rsplit('.').next().unwrap_or_default().to_owned();
        }
        let body = String::from_utf8_lossy(&self.body);
        body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default().to_owned()
    }

    /// How the service that this request is for says that it failed, or that there are too many calls.
    fn refusal(&self, throttled: bool) -> Vec<u8> {
        let scope = self.header("authorization").unwrap_or_default();
        let (service, code) = if scope.contains("/ec2/") {
            ("ec2", if throttled { "RequestLimitExceeded" } else { "InternalError" })
        } else if scope.contains("/elasticache/") {
            ("elasticache", if throttled { "Throttling" } else { "InternalFailure" })
        } else {
            ("secretsmanager", if throttled { "ThrottlingException" } else { "InternalServiceError" })
        };
        let error = format!("<Error><Code>{code}</Code><Message>injected</Message></Error>");
        let (kind, body) = match service {
            "ec2" => ("text/xml", format!("<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>")),
            "elasticache" => ("text/xml", format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>")),
            _ => ("application/x-amz-json-1.1", format!(r#"{{"__type": "{code}", "Message": "injected"}}"#)),
        };
        let status = match (service, throttled) {
            (_, false) => "500 Internal Server Error",
            ("ec2", true) => "503 Service Unavailable",
            (_, true) => "400 Bad Request",
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        format!("{head}{body}").into_bytes()
    }
}
