//! What `[api]` says.

use super::{Check, Step, bits_of};

use Step::{At, Key};

impl Check<'_, '_> {
    pub(super) fn api(&mut self) {
        let own = &self.settings.api;
        for (key, networks) in
            [("networks", &own.networks), ("admin_networks", &own.admin_networks)]
        {
            for (i, network) in networks.iter().enumerate() {
                let at = [Key("api"), Key(key), At(i)];
                match bits_of(network) {
                    Some(0) => {
                        let what = format!("`{network}` lets the whole world ask");
                        let problem = self.document.problem(&at, what).warning();
                        self.out.push(problem.allowing("the networks of whoever uses the API"));
                    }
                    Some(_) => {}
                    None => {
                        let what = format!("`{network}` is no address or network");
                        self.tell(&at, what, "such as `192.168.0.0/16`");
                    }
                }
            }
        }
        if own.listen.is_empty() && !own.networks.is_empty() {
            let what = "these are networks of an address that the API does not have";
            self.tell(&[Key("api"), Key("networks")], what, "`listen`, or `networks` of [http]");
        }
        for (i, address) in own.listen.iter().enumerate() {
            if self.settings.http.listen.contains(address) {
                let at = [Key("api"), Key("listen"), At(i)];
                let what = format!("`{address}` is one of [http]");
                self.tell(&at, what, "another port, or none here: the API is served there anyway");
            }
        }
    }
}
