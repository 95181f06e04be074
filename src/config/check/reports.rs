//! What `[reports]` says.

use super::{Check, Step};

use Step::{At, Key};

impl Check<'_, '_> {
    pub(super) fn reports(&mut self) {
        let own = &self.settings.reports;
        self.within(&[Key("reports"), Key("short_abandon")], own.short_abandon, 0..=60);
        self.within(&[Key("reports"), Key("unanswered_hours")], own.unanswered_hours, 1..=720);
        self.within(&[Key("reports"), Key("journey_days")], own.journey_days, 1..=30);
        for agent in own.hourly_costs.keys() {
            if !self.settings.agents.iter().any(|known| known.id == *agent) {
                let at = [Key("reports"), Key("hourly_costs"), Key(agent.as_str())];
                let what = format!("there is no agent `{agent}`");
                let names = self.settings.agents.iter().map(|known| known.id.as_str());
                self.out.push(self.document.problem(&at, what).suggesting(agent.as_str(), names));
            }
        }
        for (place, goal) in own.goals.iter().enumerate() {
            if goal.is_empty() {
                let at = [Key("reports"), Key("goals"), At(place)];
                self.tell(&at, "no node is called so", "the name of a node of a flow");
            }
        }
    }
}
