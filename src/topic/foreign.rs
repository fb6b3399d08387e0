//! Wildcards of other systems. A filter with one is valid here, and would match nothing, without a message.

/// Whose wildcard a filter has, and what it would be here; `None` where it has none.
pub fn foreign_wildcard(filter: &str) -> Option<(&'static str, String)> {
    let is_foreign = |level: &str| level == "*" || level == ">";
    let dotted = !filter.contains('/') && filter.contains('.');
    let levels: Vec<_> = filter.split(if dotted { '.' } else { '/' }).collect();
    if !levels.iter().copied().any(is_foreign) {
        return None;
    }
    let last = levels.len() - 1;
    let ours = |(at, level): (usize, &&str)| match *level {
        ">" => "#".to_owned(),
        // All that is below for a shell, one level for NATS.
        "*" if at == last && !dotted => "#".to_owned(),
        "*" => "+".to_owned(),
        level => level.to_owned(),
    };
    let meant = levels.iter().enumerate().map(ours).collect::<Vec<_>>().join("/");
    let whose = if levels.contains(&">") || dotted { "of NATS" } else { "of NATS and of shells" };
    Some((whose, meant))
}
