//! [`Counter`]: a proxy that counts the calls to an endpoint.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A proxy in front of an endpoint. Its threads end with the connections, and with the process.
pub(super) struct Counter {
    pub(super) address: SocketAddr,
    calls: Arc<AtomicUsize>,
}

impl Counter {
    pub(super) fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let counted = counted.clone();
                // A connection that ends is what a client does.
                thread::spawn(move || serve(client, upstream, &counted).ok());
            }
        });
        Ok(Self { address, calls })
    }

    /// The number of calls since the last time that it was asked for.
    pub(super) fn take(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }
}

/// Passes on what comes over one connection.
fn serve(mut client: TcpStream, upstream: SocketAddr, calls: &AtomicUsize) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::new(client.try_clone()?);
    let mut upstream = TcpStream::connect(upstream)?;
    upstream.set_nodelay(true)?;
    let mut from_upstream = BufReader::new(upstream.try_clone()?);
    loop {
        let request = message(&mut from_client)?;
        calls.fetch_add(1, Ordering::Relaxed);
        upstream.write_all(&request)?;
        client.write_all(&message(&mut from_upstream)?)?;
    }
}

/// The bytes of one request or answer. The emulator and its clients say how long each is.
fn message(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok([head.into_bytes(), body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_where_it_says() {
        let mut bytes = "POST / HTTP/1.1\r\ncontent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n".as_bytes();
        assert!(message(&mut bytes).unwrap().ends_with(b"abc"));
        assert_eq!(message(&mut bytes).unwrap(), b"GET / HTTP/1.1\r\n\r\n");
        assert!(message(&mut bytes).is_err());
    }
}
