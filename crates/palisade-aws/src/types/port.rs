//! Ports and the rules' directions.

checked_number! {
    /// A TCP or UDP port: 1 to 65535.
    Port(u16), "a port", check_port, port
}

text_enum! {
    /// The protocol that a rule is about.
    Protocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
    }
}

text_enum! {
    /// Whether a rule is about what comes in or what goes out.
    Direction {
        /// What comes in.
        Ingress = "ingress",
        /// What goes out.
        Egress = "egress",
    }
}

const fn check_port(number: u16) -> Option<&'static str> {
    if number == 0 { Some("a port is 1 to 65535") } else { None }
}
