//! What can happen on the way to AWS and back: a proxy that counts the calls, and lets some of them go wrong.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// What happens to a call.
#[derive(Clone, Copy, Debug)]
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
    /// It has its effect, and its answer comes late.
    Late(Duration),
    /// The service refuses it, with this code and this message.
    Refused(&'static str, &'static str),
    /// It has its effect, and this is made of the body of its answer.
    Altered(fn(&str) -> String),
    /// Something that is not AWS answers with this status and this body.
    Strange(&'static str, &'static str),
    /// There is never an answer, and no effect.
    Silent,
}

/// A call as the proxy sees it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The name of the call.
    pub(crate) action: String,
    /// The service, as it is signed for.
    pub(crate) service: String,
    /// What is asked.
    pub(crate) body: String,
    /// The number among the reads or among the writes, from 1. The question who asks is not counted.
    pub(crate) number: usize,
}

impl Call {
    pub(crate) fn is_read(&self) -> bool {
        ["Describe", "List", "Get"].iter().any(|read| self.action.starts_with(read))
    }

    fn is_counted(&self) -> bool {
        self.action != "GetCallerIdentity"
    }
}

/// Lets the first `times` calls to `action` go wrong.
pub(crate) fn first(times: usize, action: &'static str, fault: Fault) -> impl Fn(&Call) -> Option<Fault> {
    let seen = Mutex::new(0);
    move |call| {
        let mut seen = seen.lock().unwrap();
        *seen += usize::from(call.action == action);
        (call.action == action && *seen <= times).then_some(fault)
    }
}

/// Lets every call that `is_meant` go wrong whenever it is made for the first, third, fifth time.
pub(crate) fn every_other_time(fault: Fault, is_meant: fn(&Call) -> bool) -> impl Fn(&Call) -> Option<Fault> {
    let seen = Mutex::new(HashMap::<_, usize>::new());
    move |call| {
        if !is_meant(call) {
            return None;
        }
        let mut seen = seen.lock().unwrap();
        let times = seen.entry((call.action.clone(), call.body.clone())).or_default();
        *times += 1;
        (*times % 2 == 1).then_some(fault)
    }
}

/// What happens to each call.
pub(crate) type Script = Box<dyn Fn(&Call) -> Option<Fault> + Send + Sync>;

/// A proxy in front of an endpoint. Its threads end with the connections, and with the process.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    held: Receiver<()>,
}

struct Shared {
    upstream: SocketAddr,
    /// What happens to each call.
    script: Script,
    /// All calls so far.
    calls: Mutex<Vec<Call>>,
}

impl Proxy {
    /// Starts a proxy on a free port.
    pub(crate) fn start(upstream: SocketAddr, script: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self::listen(listener, upstream, script)
    }

    /// Starts a proxy that listens already.
    pub(crate) fn listen(
        listener: TcpListener,
        upstream: SocketAddr,
        script: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { upstream, script: Box::new(script), calls: Mutex::default() });
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

    /// All calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// The actions of all writes so far.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| !call.is_read()).map(|call| call.action).collect()
    }

    /// Waits for the call that is held. False if it does not come.
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
        let fault = shared.note(&request);
        let instead = match fault {
            Some(Fault::FailsBefore) => Some(request.failure()),
            Some(Fault::Throttled) => Some(request.throttling()),
            Some(Fault::Refused(code, message)) => Some(request.refusal("400 Bad Request", code, message)),
            Some(Fault::Strange(status, body)) => Some(answer(status, "text/html", body)),
            Some(Fault::Silent) => {
                from_client.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
            _ => None,
        };
        if let Some(instead) = instead {
            client.write_all(&instead)?;
            continue;
        }
        upstream.write_all(&request.as_ministack_reads_it().bytes())?;
        let answer = Message::read(&mut from_upstream)?;
        match fault {
            Some(Fault::Unanswered) => return Ok(()),
            Some(Fault::Held) => {
                // Nobody may listen any more.
                held.send(()).ok();
                from_client.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
            Some(Fault::FailsAfter) => client.write_all(&request.failure())?,
            Some(Fault::Late(pause)) => {
                thread::sleep(pause);
                client.write_all(&answer.bytes())?;
            }
            Some(Fault::Altered(alter)) => {
                client.write_all(&answer.with_body(alter(&answer.text()).into_bytes()).bytes())?;
            }
            _ => client.write_all(&answer.bytes())?,
        }
    }
}

impl Shared {
    /// Writes a call down; what happens to it.
    fn note(&self, request: &Message) -> Option<Fault> {
        let mut calls = self.calls.lock().unwrap();
        let mut call = Call { action: request.action(), service: request.service(), body: request.text(), number: 0 };
        if call.is_counted() {
            call.number = calls.iter().filter(|other| other.is_read() == call.is_read()).count() + 1;
            calls.push(call.clone());
        }
        drop(calls);
        (self.script)(&call)
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

    /// ministack has the tags of a new flow log under a type that AWS does not know, and would lose them, and with them the
    /// token by which an interrupted creation is found.
    fn as_ministack_reads_it(&self) -> Self {
        self.with_body(self.text().replace("ResourceType=vpc-flow-log&", "ResourceType=flow-log&").into_bytes())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
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

    /// The service, from what is signed: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
    fn service(&self) -> String {
        let signed = self.header("authorization").unwrap_or_default();
        signed.split('/').nth(3).unwrap_or_default().to_owned()
    }

    /// How the service that this request is for says that it failed.
    fn failure(&self) -> Vec<u8> {
        let code = match self.service().as_str() {
            "ec2" => "InternalError",
            "secretsmanager" => "InternalServiceError",
            "kms" => "KMSInternalException",
            "logs" => "ServiceUnavailableException",
            _ => "InternalFailure",
        };
        self.refusal("500 Internal Server Error", code, "injected")
    }

    /// How the service that this request is for says that there are too many calls.
    fn throttling(&self) -> Vec<u8> {
        match self.service().as_str() {
            "ec2" => self.refusal("503 Service Unavailable", "RequestLimitExceeded", "injected"),
            "secretsmanager" | "kms" | "logs" => self.refusal("400 Bad Request", "ThrottlingException", "injected"),
            _ => self.refusal("400 Bad Request", "Throttling", "injected"),
        }
    }

    /// How the service that this request is for refuses it.
    fn refusal(&self, status: &str, code: &str, message: &str) -> Vec<u8> {
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        match self.service().as_str() {
            "ec2" => {
                let body = format!("<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>");
                answer(status, "text/xml", &body)
            }
            "secretsmanager" | "kms" | "logs" => {
                let body = format!(r#"{{"__type": "{code}", "Message": "{message}"}}"#);
                answer(status, "application/x-amz-json-1.1", &body)
            }
            _ => {
                let body = format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>");
                answer(status, "text/xml", &body)
            }
        }
    }
}

fn answer(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    format!("{head}{body}").into_bytes()
}
