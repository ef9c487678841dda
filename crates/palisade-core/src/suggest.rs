//! [`closest`]: what a misspelt name may mean.

/// The candidate that is spelt most like `text`, if one is near enough to be meant.
pub fn closest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = candidates.into_iter().map(|candidate| (distance(text, candidate), candidate));
    // A third of the letters may be wrong: more of them, and the suggestion would be a guess.
    let near = |(distance, candidate): &(usize, &str)| *distance * 3 <= candidate.chars().count().max(3);
    distances.filter(near).min().map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, deleted or changed to make `b` of `a`, with upper and lower case alike.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    // Row `i` of the usual table; one row is enough, as each entry needs only its left, upper and upper left neighbours.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut upper_left = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = upper_left + usize::from(from != to);
            upper_left = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(upper_left + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_insertions_deletions_and_changes() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("vpc.main", "Vpc.main"), 0);
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["Subnet.private-a", "Subnet.private-b", "Vpc.main"];
        assert_eq!(closest("Subnet.privat-b", names), Some("Subnet.private-b"));
        assert_eq!(closest("vpc.mian", names), Some("Vpc.main"));
        assert_eq!(closest("RedisUser.admin", names), None);
    }
}
