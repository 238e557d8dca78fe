/// What a queue has and wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// Tokens that it has, and those that it could use beside.
    pub(super) demand: u32,
    /// How much it counts; at least one.
    pub(super) weight: u32,
}

/// Shares out `limit` tokens: one for everybody who has any demand, in the order of the claims as far as they go; then
/// all but the reserve so that nobody can get more except from somebody who has less for his weight (max-min).
pub(super) fn fair_shares(limit: u32, reserve: u32, claims: &[Claim]) -> Vec<u32> {
    let mut shares = vec![0_u32; claims.len()];
    let mut left = limit;
    for (share, claim) in shares.iter_mut().zip(claims) {
        *share = claim.demand.min(1).min(left);
        left -= *share;
    }
    let mut left = left.saturating_sub(reserve);
    // Raises everybody's level by the same amount for his weight, until nothing is left or nobody wants more.
    while left > 0 {
        let hungry: Vec<usize> = (0..claims.len()).filter(|i| shares[*i] < claims[*i].demand).collect();
        let weights: u32 = hungry.iter().map(|i| claims[*i].weight).sum();
        if weights == 0 {
            break;
        }
        let level = left / weights;
        for i in hungry {
            let more = (level * claims[i].weight).max(1).min(claims[i].demand - shares[i]).min(left);
            shares[i] += more;
            left -= more;
        }
    }
    shares
}
