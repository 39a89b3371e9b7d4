//! String languages against brute force and against validators that are not ours.


