//! What becomes of the kinds that were found: which are offered, and which one serves a container.

use super::{ACTION_DIR, Found, RuntimeSpec, Start, native};
use container::line::{Dialect, Init};
use container::{CreateError, InitRequest, Probe, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{ImageName, RuntimeKind, RuntimeManifest};

impl Found {
    /// The kinds as clients see them.
    #[must_use]
    pub fn manifest(&self) -> RuntimeManifest {
        let mut runtimes: BTreeMap<String, Vec<RuntimeKind>> = BTreeMap::new();
        for spec in self.specs.iter().filter(|spec| spec.offered) {
            runtimes.entry(spec.family().to_owned()).or_default().push(spec.kind.clone());
        }
        let skeleton = ImageName {
            prefix: Some("openwhisk".to_owned()),
            name: "dockerskeleton".to_owned(),
            ..ImageName::default()
        };
        RuntimeManifest { runtimes, blackboxes: vec![skeleton], ..RuntimeManifest::default() }
    }

    /// Offers only what an operator's manifest lists, by its names: `python:3` is served by the best interpreter whose
    /// version begins so. What cannot be served is reported and left out.
    #[must_use]
    pub fn restricted_to(mut self, manifest: &RuntimeManifest) -> Found {
        let all = std::mem::take(&mut self.specs);
        for (family, kinds) in &manifest.runtimes {
            let first = self.specs.len();
            for kind in kinds {
                match serving(&all, family, &kind.kind) {
                    Some(spec) => {
                        // What it can do is not the manifest's to say.
                        let RuntimeKind { concurrent, streams, .. } = spec.kind;
                        let kind = RuntimeKind { concurrent, streams, ..kind.clone() };
                        self.specs.push(Arc::new(RuntimeSpec { kind, offered: true, ..spec.clone() }));
                    }
                    None => self.probes.push(not_served(&all, family, &kind.kind)),
                }
            }
            // The default may be among those that cannot be served; a family needs one all the same.
            let served = &mut self.specs[first..];
            if !served.iter().any(|spec| spec.kind.default)
                && let Some(last) = served.iter_mut().max_by(|a, b| a.version.cmp(&b.version))
            {
                Arc::make_mut(last).kind.default = true;
            }
        }
        // Images of the user's own do not depend on what is offered.
        for spec in all {
            if spec.family() == "native" && self.specs.iter().all(|known| known.kind.kind != spec.kind.kind) {
                self.specs.push(Arc::new(RuntimeSpec { offered: false, ..(*spec).clone() }));
            }
        }
        self
    }

    /// What runs a container of this kind, or of this image where the kind is `blackbox`.
    ///
    /// Images cannot be run here. Those that only wait for an executable to be given to them can be done without.
    ///
    /// # Errors
    /// What the developer is told about an image that cannot be had (CLS-13), or a kind that there is none of.
    pub fn spec(&self, kind: &str, image: Option<&str>) -> Result<&Arc<RuntimeSpec>, CreateError> {
        let wanted = match (kind, image) {
            ("blackbox", Some(image)) => stands_for(image).ok_or_else(|| {
                CreateError::Developer(format!("Failed to pull container image '{image}'."))
            })?,
            _ => kind,
        };
        let spec = self.specs.iter().find(|spec| &*spec.kind.kind == wanted);
        spec.ok_or_else(|| CreateError::Developer(format!("The runtime '{kind}' is not available here.")))
    }
}

impl RuntimeSpec {
    /// The part of the kind before the colon.
    #[must_use]
    pub fn family(&self) -> &str {
        self.kind.kind.split(':').next().unwrap_or_default()
    }

    /// How its process speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.start {
            Start::Ahead => Dialect::Launcher,
            Start::WithCode => Dialect::ActionLoop,
        }
    }

    /// What its process is told of the code: the text itself, or that it lies in [`ACTION_DIR`].
    #[must_use]
    pub fn init<'a>(&self, request: &'a InitRequest) -> Init<'a> {
        let source = || request.code.as_ref().and_then(|code| std::str::from_utf8(code).ok());
        let lies_in_folder = request.binary || self.family() == "native";
        Init {
            name: &request.name,
            main: &request.main,
            code: if lies_in_folder { None } else { source() },
            folder: lies_in_folder.then_some(ACTION_DIR),
            environment: &request.environment,
            concurrency: request.concurrency,
            activation: request.activation,
        }
    }
}

/// The best interpreter whose version begins with what stands in the kind: the default of the family where it fits,
/// else the newest.
fn serving<'a>(all: &'a [Arc<RuntimeSpec>], family: &str, kind: &str) -> Option<&'a RuntimeSpec> {
    if let Some(exact) = all.iter().find(|spec| &*spec.kind.kind == kind) {
        return Some(exact);
    }
    let version = kind.split_once(':')?.1;
    let wanted: Vec<u32> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let fitting = all
        .iter()
        .map(|spec| &**spec)
        .filter(|spec| spec.family() == family && spec.version.starts_with(&wanted));
    fitting.max_by(|a, b| (a.kind.default, &a.version).cmp(&(b.kind.default, &b.version)))
}

fn not_served(all: &[Arc<RuntimeSpec>], family: &str, kind: &str) -> Probe {
    let known: Vec<&str> =
        all.iter().filter(|spec| spec.family() == family).map(|spec| &*spec.kind.kind).collect();
    let detail = match known.as_slice() {
        [] => "the manifest lists it, but this machine has nothing that runs it".to_owned(),
        _ => format!("the manifest lists it, but this machine only has {}", known.join(", ")),
    };
    Probe {
        name: format!("runtime {kind}"),
        verdict: Verdict::Degraded,
        detail,
        remedy: format!("install it, or take '{kind}' out of the manifest"),
    }
}

/// The kind that does what an image does that only waits for an executable.
fn stands_for(image: &str) -> Option<&'static str> {
    let name = image.rsplit('/').next()?;
    let name = name.split(['@', ':']).next()?;
    if name == "dockerskeleton" {
        return Some(native::SKELETON);
    }
    let waits_for_code = ["actionloop", "action-golang", "action-rust"];
    waits_for_code.iter().any(|start| name.starts_with(start)).then_some(native::ACTION_LOOP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::discover::kind;

    fn found() -> Found {
        let spec = |name: &str, version: &[u32], default| RuntimeSpec {
            kind: kind(name, default),
            version: version.to_vec(),
            ..native::specs()[0].clone()
        };
        let mut specs = vec![
            spec("python:3.9", &[3, 9, 1], false),
            spec("python:3.11", &[3, 11, 2], true),
            spec("python:3.13", &[3, 13, 0], false),
        ];
        specs.extend(native::specs());
        Found { specs: specs.into_iter().map(Arc::new).collect(), probes: Vec::new() }
    }

    fn kinds(found: &Found) -> Vec<String> {
        let manifest = found.manifest();
        manifest.check().unwrap();
        manifest.all().map(|kind| format!("{}{}", kind.kind, if kind.default { "*" } else { "" })).collect()
    }

    #[test]
    fn all_that_is_found_is_offered() {
        let expected = ["native:actionloop*", "native:skeleton", "python:3.9", "python:3.11*", "python:3.13"];
        assert_eq!(kinds(&found()), expected);
    }

    #[test]
    fn a_manifest_restricts_and_renames() {
        let manifest = RuntimeManifest::parse(
            r#"{"runtimes":{
            "python":[{"kind":"python:3","default":false},{"kind":"python:3.13","default":false},
                      {"kind":"python:2","default":true},{"kind":"python:3.9.1"}],
            "go":[{"kind":"go:1.22","default":true}]}}"#,
        )
        .unwrap();
        let found = found().restricted_to(&manifest);
        assert_eq!(kinds(&found), ["python:3", "python:3.13*", "python:3.9.1"]);
        assert_eq!(found.spec("python:3", None).unwrap().version, [3, 11, 2]);
        assert_eq!(found.spec("python:3.9.1", None).unwrap().version, [3, 9, 1]);
        let reported: Vec<_> = found.probes.iter().map(|probe| &*probe.name).collect();
        assert_eq!(reported, ["runtime go:1.22", "runtime python:2"]);
        assert!(found.spec("blackbox", Some("openwhisk/dockerskeleton")).is_ok());
    }

    #[test]
    fn cls_13_images_cannot_be_pulled_but_some_can_be_done_without() {
        let found = found();
        let kind = |image| found.spec("blackbox", Some(image)).map(|spec| spec.kind.kind.to_string());
        for image in ["openwhisk/dockerskeleton", "dockerskeleton:nightly", "host:5000/me/dockerskeleton"] {
            assert_eq!(kind(image).unwrap(), native::SKELETON, "{image}");
        }
        for image in ["openwhisk/actionloop-base", "actionloop", "openwhisk/action-golang-v1.22:1.0"] {
            assert_eq!(kind(image).unwrap(), native::ACTION_LOOP, "{image}");
        }
        let error = kind("me/mine:1").unwrap_err();
        assert_eq!(error.to_string(), "Failed to pull container image 'me/mine:1'.");
        assert!(matches!(error, CreateError::Developer(_)));
    }
}
