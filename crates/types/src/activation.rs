use crate::json::{self, Raw};
use crate::{ActivationId, Annotations, EntityName, EntityPath, SemVer, Subject};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod text;

/// How an activation ended (CLS-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum StatusCode {
    /// 0
    Success = 0,
    /// 1: the action said that it failed.
    ApplicationError = 1,
    /// 2: the action broke the rules, or broke down.
    DeveloperError = 2,
    /// 3: the platform failed.
    WhiskError = 3,
}

impl StatusCode {
    /// The text in records (ATV-08).
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            StatusCode::Success => "success",
            StatusCode::ApplicationError => "application error",
            StatusCode::DeveloperError => "action developer error",
            StatusCode::WhiskError => "whisk internal error",
        }
    }

    fn from_text(text: &str) -> Option<StatusCode> {
        use StatusCode::{ApplicationError, DeveloperError, Success, WhiskError};
        [Success, ApplicationError, DeveloperError, WhiskError]
            .into_iter()
            .find(|status| status.text() == text)
    }
}

/// What an activation answered (ATV-07).
#[derive(Clone, Debug)]
pub struct ActivationResponse {
    /// How it ended.
    pub status: StatusCode,
    /// What it answered; `None` where results are not kept.
    pub result: Option<Raw>,
    /// The length of the container's own answer, when known (ATV-29).
    pub size: Option<u64>,
}

impl ActivationResponse {
    /// A failure with this text as its result: `{"error": text}`.
    #[must_use]
    pub fn error(status: StatusCode, text: &str) -> ActivationResponse {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
        }
        ActivationResponse { status, result: Some(crate::json::raw(&Body { error: text })), size: None }
    }

    /// Whether it ended well (ATV-09).
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == StatusCode::Success
    }
}

impl Serialize for ActivationResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 2 + usize::from(self.result.is_some()) + usize::from(self.size.is_some());
        let mut body = serializer.serialize_struct("ActivationResponse", fields)?;
        if let Some(result) = &self.result {
            body.serialize_field("result", result)?;
        }
        if let Some(size) = &self.size {
            body.serialize_field("size", size)?;
        }
        body.serialize_field("status", self.status.text())?;
        body.serialize_field("success", &self.is_success())?;
        body.end()
    }
}

impl<'de> Deserialize<'de> for ActivationResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ActivationResponse, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            result: Option<Box<serde_json::value::RawValue>>,
            size: Option<u64>,
            status: String,
        }
        let wire = Wire::deserialize(deserializer)?;
        let status = StatusCode::from_text(&wire.status)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown status '{}'", wire.status)))?;
        Ok(ActivationResponse { status, result: wire.result.as_deref().map(Raw::from), size: wire.size })
    }
}

/// The record of one activation. Its JSON is the full record that clients read (ATV-06), and it is stored as such.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activation {
    /// The namespace that invoked (ATV-10).
    pub namespace: EntityPath,
    /// The bare name of the action (ATV-11).
    pub name: EntityName,
    /// The action's version at that time.
    pub version: SemVer,
    /// Who invoked.
    pub subject: Subject,
    /// Its id.
    pub activation_id: ActivationId,
    /// The activation that caused this one, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<ActivationId>,
    /// When it began, in milliseconds since 1970 (ATV-12).
    pub start: u64,
    /// When it ended; `None` for a trigger's record (TRG-12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// How long it took, in milliseconds, initialisation included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// What it answered.
    pub response: ActivationResponse,
    /// Its log lines (LOG-03), or the ids of its parts.
    pub logs: Vec<String>,
    /// What else is known of it.
    pub annotations: Annotations,
    /// Always false.
    pub publish: bool,
}

impl Activation {
    /// The path by which lists find it: `action`, or `pkg/action` (ATV-03). The package is the binding's where the
    /// action was invoked through one.
    #[must_use]
    pub fn path_in_namespace(&self) -> String {
        let text = |key: &str| self.annotations.get(key).and_then(|value| json::borrowed_text(value.get()));
        let (binding, path);
        let package = if let Some(text) = text("binding") {
            binding = text;
            binding.split('/').nth(1)
        } else {
            path = text("path").unwrap_or_default();
            let mut parts = path.split('/').skip(1);
            match (parts.next(), parts.next(), parts.next()) {
                (package, Some(_), None) => package,
                _ => None,
            }
        };
        match package {
            None => self.name.as_str().to_owned(),
            Some(package) => [package, self.name.as_str()].join("/"),
        }
    }

    /// Whether it is the record of a sequence or a composition, whose logs are the ids of its parts (ATV-14, ATV-21).
    #[must_use]
    pub fn has_parts(&self) -> bool {
        self.annotations.get("kind").is_some_and(|kind| kind.get() == "\"sequence\"")
    }

    /// The summary that lists show (LIST-11).
    #[must_use]
    pub fn summary(&self) -> ActivationSummary<'_> {
        ActivationSummary(self)
    }
}

/// See [`Activation::summary`].
#[derive(Clone, Copy, Debug)]
pub struct ActivationSummary<'a>(&'a Activation);

impl Serialize for ActivationSummary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut body = serializer.serialize_struct("ActivationSummary", 11)?;
        body.serialize_field("namespace", &record.namespace)?;
        body.serialize_field("name", &record.name)?;
        body.serialize_field("version", &record.version)?;
        body.serialize_field("publish", &record.publish)?;
        body.serialize_field("annotations", &record.annotations)?;
        body.serialize_field("activationId", &record.activation_id)?;
        body.serialize_field("start", &record.start)?;
        if let Some(cause) = &record.cause {
            body.serialize_field("cause", cause)?;
        }
        if let Some(end) = &record.end {
            body.serialize_field("end", end)?;
            body.serialize_field("duration", &record.duration.unwrap_or_default())?;
            body.serialize_field("statusCode", &(record.response.status as u8))?;
        }
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Activation {
        serde_json::from_str(
            r#"{"namespace":"guest","name":"hello","version":"0.0.1","subject":"guest",
            "activationId":"00ff00ff00ff00ff00ff00ff00ff00ff","start":10,"end":15,"duration":5,
            "response":{"result":{"n":1.0},"size":9,"status":"success","success":true},
            "logs":["x"],"annotations":[{"key":"path","value":"guest/pkg/hello"}],"publish":false}"#,
        )
        .unwrap()
    }

    #[test]
    fn atv_06_atv_07_a_record_reads_as_it_was_written() {
        let written = serde_json::to_string(&record()).unwrap();
        let again: Activation = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), written);
        assert!(
            written.contains(r#""response":{"result":{"n":1.0},"size":9,"status":"success","success":true}"#)
        );
        assert!(
            !written.contains("statusCode") && !written.contains("updated") && !written.contains("cause")
        );
    }

    #[test]
    fn atv_03_the_path_names_the_package_or_the_binding() {
        let mut record = record();
        assert_eq!(record.path_in_namespace(), "pkg/hello");
        record.annotations.set("binding", crate::json::raw("guest/bound"));
        assert_eq!(record.path_in_namespace(), "bound/hello");
        record.annotations = Annotations::new();
        assert_eq!(record.path_in_namespace(), "hello");
    }

    #[test]
    fn list_11_a_summary_has_a_status_only_when_ended() {
        let mut record = record();
        let summary = serde_json::to_value(record.summary()).unwrap();
        assert_eq!(summary["statusCode"], 0);
        assert!(summary.get("response").is_none() && summary.get("logs").is_none());
        record.end = None;
        let summary = serde_json::to_value(record.summary()).unwrap();
        assert!(summary.get("statusCode").is_none() && summary.get("duration").is_none());
    }
}
