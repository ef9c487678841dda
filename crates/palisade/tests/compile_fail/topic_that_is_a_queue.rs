//! Events of a cache go to a topic that ElastiCache takes.

use palisade::prelude::*;

fn main() {
    println!("{}", topic_arn!("arn:aws:sns:us-east-1:111122223333:cache-events.fifo"));
}
