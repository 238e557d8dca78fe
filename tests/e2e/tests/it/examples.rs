//! Every example function with a real input.

use oxiwhisk_test_e2e::api::annotation;
use oxiwhisk_test_e2e::shape::assert_shape;
use oxiwhisk_test_e2e::{Api, Options, Server, examples};

#[test]
fn every_example_gives_the_answer_it_promises_first_cold_then_warm() {
    let server = Server::start(&Options::default());
    let api = Api::guest(&server);
    let examples = examples::all();
    assert!(examples.len() >= 8, "{} examples", examples.len());
    for example in examples {
        api.put(&example.name, &example.body());
        for start in ["cold", "warm"] {
            let record = api.recorded(&example.name, &example.input);
            assert_eq!(record["response"]["status"], "success", "{} {start}: {record:#}", example.name);
            assert_shape(&record["response"]["result"], &example.expect);
            let initialised = annotation(&record, "initTime").is_some();
            assert_eq!(initialised, start == "cold", "{} {start}: {record:#}", example.name);
        }
        api.delete(&example.name);
    }
}
