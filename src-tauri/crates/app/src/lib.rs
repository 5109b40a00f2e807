//! eyewright-app
